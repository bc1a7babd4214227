"""containerConcurrency: how many calls run, and how many may wait."""

from __future__ import annotations

import asyncio

from catnap.errors import Unavailable

QUEUE = 10
"""Calls that may wait for each that may run, as Knative's queue-proxy has it."""


class Gate:
    """Lets `size` calls in at once, in the order they came; 0 lets in all."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._room = asyncio.Semaphore(size) if size else None
        self._waiting = 0

    async def enter(self) -> None:
        """Waits for room. Raises Unavailable where too many wait already."""
        if self._room is None:
            return
        if self._waiting >= QUEUE * self._size:
            raise Unavailable(
                f"this instance works at {self._size} calls and {self._waiting} wait", retry_after=1
            )
        self._waiting += 1
        try:
            await self._room.acquire()
        finally:
            self._waiting -= 1

    def leave(self) -> None:
        if self._room is not None:
            self._room.release()
