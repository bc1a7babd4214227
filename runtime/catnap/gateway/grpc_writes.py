"""Parts of an answer to a client that may not read them."""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any

from catnap.errors import DeadlineExceeded
from catnap.gateway.status import Context

STALL = 30.0
"""Seconds in which a client takes something, as over HTTP."""

_SLOWEST = 64 << 10
"""Bytes a second of a message, beyond."""


class Writer:
    """To one client, by one task at a time. One timer is for many writes: each
    sets only when it has to have ended."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._loop = asyncio.get_running_loop()
        self._until = inf
        """When the write at hand has to have ended."""
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[Any] | None = None
        self._late = False

    async def write(self, message: Any, size: int) -> None:
        """Waits until it may be sent. Raises DeadlineExceeded where the client does
        not read: what works for it at a server has its place there meanwhile."""
        patience = STALL + size / _SLOWEST
        self._writing = asyncio.current_task()
        self._until = self._loop.time() + patience
        if self._timer is None:
            self._timer = self._loop.call_at(self._until, self._look)
        try:
            await self._context.write(message)
        except asyncio.CancelledError:
            if not self._late or self._writing is None or self._writing.uncancel():
                raise  # whoever waits for it has left
            self._late = False
            raise DeadlineExceeded(f"the client has not read for {patience:.0f} s") from None
        finally:
            self._until = inf

    def _look(self) -> None:
        self._timer = None
        if self._until == inf:
            return
        if self._loop.time() < self._until:
            self._timer = self._loop.call_at(self._until, self._look)
        elif self._writing is not None:
            self._late = True
            self._writing.cancel()
