"""Work that is done again and again, whatever becomes of one round."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)


async def every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Does it for ever, so long after the end of the round before. An error is
    logged, and the next round comes all the same."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:
            _log.exception("a round of %s failed", getattr(work, "__qualname__", work))
