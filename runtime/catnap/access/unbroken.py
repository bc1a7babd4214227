"""Changes that are made to their end, whoever leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def unbroken(change: Coroutine[Any, Any, T]) -> T:
    """What it gives, also where its caller is cancelled meanwhile: a key that
    is revoked in the store and good in memory, or a change that no record tells
    of, is worse than an answer that nobody reads."""
    task = asyncio.ensure_future(change)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()
