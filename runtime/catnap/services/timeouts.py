"""How long a call may take: the three timeouts of a Knative revision.

Source: Knative Serving, RevisionSpec and the timeout handler that activator
and queue-proxy share. All three count from a call's arrival, so the time that
it waits for a place counts as well.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from catnap.errors import DeadlineExceeded
from catnap.http import MAX_BODY, too_large
from catnap.services.deadlines import Deadlines, Limit
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

    @property
    def first(self) -> float:
        """Until the first byte, by all of them."""
        return min(self.whole, self.start, self.idle)

    @property
    def whole_passed(self) -> str:
        return f"did not answer within its timeoutSeconds of {self.whole:g}"

    @property
    def idle_passed(self) -> str:
        return f"said nothing for its idleTimeoutSeconds of {self.idle:g}"

    @property
    def first_passed(self) -> str:
        if self.first == self.whole:
            return self.whole_passed
        if self.first == self.idle:
            return self.idle_passed
        return f"did not begin to answer within its responseStartTimeoutSeconds of {self.start:g}"


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


class Patience(Limit):
    """The block in which a call is delivered, from its arrival to the end of
    its answer: it ends with DeadlineExceeded when one of its revision's
    timeouts has passed."""

    __slots__ = ("_answered", "_name", "_timeouts")

    def __init__(self, deadlines: Deadlines, name: str, timeouts: Timeouts) -> None:
        """name: who is to answer."""
        super().__init__(deadlines, timeouts.first)
        self._name, self._timeouts = name, timeouts
        self._answered = False

    def answered(self) -> None:
        """The answer has begun."""
        self._answered = True
        self.due += self._timeouts.whole - self._timeouts.first

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            super().__exit__(kind, error, traceback)
        except TimeoutError:
            said = self._timeouts.whole_passed if self._answered else self._timeouts.first_passed
            raise DeadlineExceeded(f"{self._name} {said}") from None


def paced(reply: Reply, name: str, timeouts: Timeouts) -> Reply:
    """As it is read by whoever minds the idle timeout, if there is one."""
    return reply if timeouts.idle == math.inf else Paced(reply, name, timeouts)


class Paced:
    """A reply that fails once nothing has come of it for the idle timeout."""

    def __init__(self, reply: Reply, name: str, timeouts: Timeouts) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self._parts = reply.body
        self._name = name
        self._timeouts = timeouts

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
                async with asyncio.timeout(self._timeouts.idle):
                    part = await anext(parts)
            except StopAsyncIteration:
                return
            except TimeoutError:
                said = f"{self._name} {self._timeouts.idle_passed}"
                raise DeadlineExceeded(said) from None
            yield part
