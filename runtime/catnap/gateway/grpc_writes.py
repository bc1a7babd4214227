"""Parts of an answer to a client that may not read them."""

from __future__ import annotations

import asyncio
from typing import Any

from catnap.errors import DeadlineExceeded
from catnap.gateway.status import Context

STALL = 30.0
"""Seconds in which a client takes something, as over HTTP."""

_SLOWEST = 64 << 10
"""Bytes a second of a message, beyond."""


async def write(context: Context, message: Any, size: int) -> None:
    """Waits until it may be sent. Raises DeadlineExceeded where the client does not
    read: what works for it at a server has its place there meanwhile."""
    patience = STALL + size / _SLOWEST
    try:
        async with asyncio.timeout(patience):
            await context.write(message)
    except TimeoutError:
        raise DeadlineExceeded(f"the client has not read for {patience:.0f} s") from None
