"""containerConcurrency: how many calls run, and how many may wait."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from catnap.errors import Unavailable

QUEUE = 10
"""Calls that may wait for each that may run, as Knative's queue-proxy has it."""


class Gate:
    """Lets `size` calls in at once, in the order they came; 0 lets in all."""

    def __init__(self, size: int) -> None:
        self.inside = 0
        """Calls that are in."""
        self._size = size
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """Calls that wait for room."""
        return len(self._waiting)

    def try_enter(self) -> bool:
        """Whether there was room at once; if so, the call is in."""
        if self._size and (self.inside >= self._size or self._waiting):
            return False
        self.inside += 1
        return True

    async def enter(self) -> None:
        """Waits for room. Raises Unavailable where too many wait already."""
        if self.try_enter():
            return
        if self.waiting >= QUEUE * self._size:
            raise Unavailable(
                f"this instance works at {self._size} calls and {self.waiting} wait",
                retry_after=1,
            )
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # its turn had come; it goes to the next
            else:
                with contextlib.suppress(ValueError):  # `leave` has passed over it
                    self._waiting.remove(turn)
            raise

    def leave(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)  # whose place it now is
                return
        self.inside -= 1
