"""Ends calls whose time has come."""

from __future__ import annotations

import asyncio
import math
from heapq import heapify, heappop, heappush
from types import TracebackType

ENDED = 64
"""Blocks that have ended and are kept in the heap, beside as many as are at work."""


class Deadlines:
    """One timer for all calls at work.

    A timer for each call would cost a call more than its admission does. This
    one is set for the earliest deadline and left where it is when that call
    ends before: it then finds nothing to do and sets itself for the next.
    """

    def __init__(self) -> None:
        self._limits: set[Limit] = set()
        self._heap: list[tuple[float, int, Limit]] = []
        """By what was due when it was put there; the number is for a tie."""
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def add(self, limit: Limit) -> None:
        self._limits.add(limit)
        if len(self._heap) > 2 * len(self._limits) + ENDED:
            self._heap = [each for each in self._heap if each[2] in self._limits]
            heapify(self._heap)
        heappush(self._heap, (limit.due, id(limit), limit))
        if limit.due < self._due:
            self._set(limit.due)

    def discard(self, limit: Limit) -> None:
        self._limits.discard(limit)

    def _set(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = asyncio.get_running_loop().call_at(due, self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time()
        self._timer, self._due = None, math.inf
        while self._heap:
            due, _, limit = self._heap[0]
            if limit in self._limits and due > now:
                self._set(due)
                return
            heappop(self._heap)
            if limit not in self._limits:
                continue
            if limit.due > now:  # it was put off
                heappush(self._heap, (limit.due, id(limit), limit))
            else:
                limit.expire()


class Limit:
    """A block that is cancelled after `seconds` and then raises TimeoutError,
    as `asyncio.timeout` does. due: when that is, in the loop's time."""

    __slots__ = ("_cancelling", "_deadlines", "_task", "due", "expired")

    _task: asyncio.Task[object]

    def __init__(self, deadlines: Deadlines, seconds: float) -> None:
        self.due = asyncio.get_running_loop().time() + seconds
        self.expired = False
        self._deadlines = deadlines

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._deadlines.add(self)

    def expire(self) -> None:
        self.expired = True
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._deadlines.discard(self)
        if not self.expired:
            return
        others = self._task.uncancel() > self._cancelling
        if kind is asyncio.CancelledError and not others:
            raise TimeoutError from error
