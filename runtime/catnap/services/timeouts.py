"""How long a call may take: the three timeouts of a Knative revision.

Source: Knative Serving, RevisionSpec and the timeout handler that activator
and queue-proxy share. All three count from a call's arrival, so the time that
it waits for a place counts as well.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from catnap.errors import CatnapError, DeadlineExceeded
from catnap.http import MAX_BODY, too_large
from catnap.services.platform import Reply

MAX = 600
"""Seconds a revision may ask for: Knative's max-revision-timeout-seconds."""

DEFAULT = 300
"""Seconds where it asks for none: revision-timeout-seconds."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds; inf for none."""

    whole: float = DEFAULT
    """Until the end of the answer: timeoutSeconds."""
    start: float = math.inf
    """Until the answer begins: responseStartTimeoutSeconds."""
    idle: float = math.inf
    """Without a byte of the answer: idleTimeoutSeconds."""


def read_timeouts(spec: Mapping[str, Any]) -> Timeouts:
    """Those of a revision's spec. Raises ValueError for what Knative's webhook
    refuses: more than its maximum, or a part longer than the whole."""
    whole = _seconds(spec, "timeoutSeconds", MAX) or DEFAULT
    start = _seconds(spec, "responseStartTimeoutSeconds", whole)
    idle = _seconds(spec, "idleTimeoutSeconds", whole)
    return Timeouts(float(whole), float(start) or math.inf, float(idle) or math.inf)


def _seconds(spec: Mapping[str, Any], name: str, most: int) -> int:
    value = spec.get(name, 0)
    if not isinstance(value, int) or not 0 <= value <= most:
        raise ValueError(f"{name}: must be a whole number from 0 to {most}, got {value!r}")
    return value


class Timed:
    """One call, from its arrival until its answer has ended."""

    __slots__ = ("_began", "_break_off", "_name", "_task", "_timeouts", "due", "error")

    def __init__(
        self, name: str, timeouts: Timeouts, now: float, task: asyncio.Task[Any] | None
    ) -> None:
        self._name = name
        self._timeouts = timeouts
        self._began = now
        self._task = task
        self._break_off: Callable[[CatnapError], None] | None = None
        self.error: DeadlineExceeded | None = None
        """Why it was ended, once it was."""
        self.due = now + min(timeouts.whole, timeouts.start, timeouts.idle)

    def answered(self, break_off: Callable[[CatnapError], None]) -> None:
        """The answer begins. break_off: ends it for whoever reads it."""
        self._break_off = break_off
        self.due = self._began + self._timeouts.whole

    def expire(self) -> None:
        """Its time has come: it is ended, wherever it is."""
        limits = self._timeouts
        if self._break_off is not None or limits.whole <= min(limits.start, limits.idle):
            said, seconds = "did not answer within timeoutSeconds", limits.whole
        elif limits.start <= limits.idle:
            said, seconds = (
                "did not begin to answer within responseStartTimeoutSeconds",
                limits.start,
            )
        else:
            said, seconds = "said nothing for idleTimeoutSeconds", limits.idle
        self.error = DeadlineExceeded(f"{self._name} {said}: {seconds:g} s")
        if self._break_off is not None:
            self._break_off(self.error)
        elif self._task is not None:
            self._task.cancel()

    def interrupted(self) -> bool:
        """Whether a cancellation that has just arrived is this one's own; if
        so, it is taken back."""
        if self.error is None or self._break_off is not None or self._task is None:
            return False
        return self._task.uncancel() == 0


class Deadlines:
    """The calls under way, and one timer for all of them.

    A timer for each would cost a call more than finding its instance does. This
    one is set for the earliest and left where it is when that call has ended
    before: it then sets itself for the next.
    """

    def __init__(self) -> None:
        self._calls: set[Timed] = set()
        self._due = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, name: str, timeouts: Timeouts) -> Timed:
        """A call of the running task has arrived. name: who is to answer."""
        loop = asyncio.get_running_loop()
        timed = Timed(name, timeouts, loop.time(), asyncio.current_task(loop))
        self._calls.add(timed)
        if timed.due < self._due:
            self._set(timed.due)
        return timed

    def end(self, timed: Timed) -> None:
        self._calls.discard(timed)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = asyncio.get_running_loop().call_at(due, self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time()
        self._timer, self._due = None, math.inf
        for timed in [each for each in self._calls if each.due <= now]:
            self._calls.discard(timed)
            timed.expire()
        if self._calls:
            self._set(min(each.due for each in self._calls))


class Paced:
    """A reply that fails once nothing has come of it for `idle` seconds."""

    def __init__(self, reply: Reply, name: str, idle: float) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self._parts = reply.body
        self._name = name
        self._idle = idle

    @property
    def body(self) -> AsyncIterator[bytes]:
        return self._paced()

    async def read(self, limit: int = MAX_BODY) -> bytes:
        whole = bytearray()
        async for part in self.body:
            whole += part
            if len(whole) > limit:
                raise too_large(len(whole), limit)
        return bytes(whole)

    async def _paced(self) -> AsyncIterator[bytes]:
        parts = aiter(self._parts)
        while True:
            try:
                async with asyncio.timeout(self._idle):
                    part = await anext(parts)
            except StopAsyncIteration:
                return
            except TimeoutError:
                said = f"{self._name} said nothing for idleTimeoutSeconds: {self._idle:g} s"
                raise DeadlineExceeded(said) from None
            yield part
