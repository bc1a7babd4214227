"""Ends calls whose time has come."""

from __future__ import annotations

import asyncio
import math

from catnap.host.call import Call

AGAIN = 1.0
"""Seconds after which code that took no notice of its end is told again."""


class Deadlines:
    """The calls at work, and one timer for all of them.

    A timer for each call would cost a call more than its decoding does. This
    one is set for the earliest deadline and left where it is when that call
    ends before: it then finds nothing to do and sets itself for the next.
    """

    def __init__(self) -> None:
        self.calls: set[Call] = set()
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def add(self, call: Call) -> None:
        self.calls.add(call)
        if call.expires < self._due:
            self._set(call.expires)

    def discard(self, call: Call) -> None:
        self.calls.discard(call)

    def _set(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = asyncio.get_running_loop().call_at(due, self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time()
        self._timer, self._due = None, math.inf
        for call in self.calls:
            if call.expires <= now and not (call.late and call.sending):
                call.interrupt()
        if self.calls:
            self._set(min(now + AGAIN if call.late else call.expires for call in self.calls))
