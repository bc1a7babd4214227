"""What became of something, in a word."""

from __future__ import annotations

import asyncio

from catnap.errors import Cancelled, CatnapError, DeadlineExceeded, SkillCrashed

OK = "ok"


def outcome(error: BaseException | None) -> str:
    """OK, or the name that the error has in the one tree; what nobody has foreseen
    is a crash."""
    if error is None:
        return OK
    if isinstance(error, CatnapError):
        return type(error).__name__
    if isinstance(error, TimeoutError):
        return DeadlineExceeded.__name__
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return Cancelled.__name__
    return SkillCrashed.__name__
