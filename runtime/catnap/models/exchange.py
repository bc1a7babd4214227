"""One request to a model: a place, an answer, and another try where that may help."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Generic, TypeVar

from catnap.errors import DeadlineExceeded
from catnap.models.place import Ask, Place, Server
from catnap.models.pool import Pool
from catnap.models.retries import RetryBudget
from catnap.models.verdict import Fault, UpstreamError

TRIES = 3
"""Servers that one request is sent to at most."""

MARGIN = 0.005
"""Seconds before its caller's deadline at which an answer is wanted, so that
there is time to pass it on, or to say that there is none."""

_log = logging.getLogger(__name__)

Upstream = TypeVar("Upstream")
Answer = TypeVar("Answer")

Send = Callable[[Upstream, float | None], Awaitable[Answer]]
"""Asks a server once, for so many seconds at most. Raises UpstreamError."""

Open = Callable[[Upstream, float | None], AsyncGenerator[Answer, None]]
"""Likewise, for an answer in parts."""


class Exchange(Generic[Upstream]):
    """Of one model. tried again: as the budget allows, and never once a part
    of the answer was passed on."""

    def __init__(self, pool: Pool[Upstream], budget: RetryBudget) -> None:
        self.pool = pool
        self.budget = budget

    async def answer(
        self,
        ask: Ask,
        send: Send[Upstream, Answer],
        cost: Callable[[Answer], float | None] = lambda answer: None,
    ) -> Answer:
        """cost: what it turned out to take, by the ask's unit.

        Raises what the pool raises, and the error of the last server.
        """
        course = _Course(self.pool, self.budget, ask)
        while True:
            async with self.pool.place(course.ask) as place:
                try:
                    found = await send(place.server.upstream, course.left())
                except UpstreamError as error:
                    course.failed(place, error)
                else:
                    place.answered(cost(found))
                    course.blame()
                    return found

    async def stream(
        self,
        ask: Ask,
        open_: Open[Upstream, Answer],
        cost: Callable[[], float | None] = lambda: None,
    ) -> AsyncGenerator[Answer, None]:
        """The parts of an answer as they come. How busy the server is, is told
        by when the first one came."""
        course = _Course(self.pool, self.budget, ask)
        while True:
            async with self.pool.place(course.ask) as place:
                first: float | None = None
                try:
                    # Who leaves ends it at the server at once, not when memory is cleaned.
                    async with aclosing(open_(place.server.upstream, course.left())) as parts:
                        async for part in parts:
                            if first is None:
                                first = place.lasts
                                place.begun()
                            yield part
                except UpstreamError as error:
                    course.failed(place, error, begun=first is not None)
                else:
                    place.answered(cost(), first)
                    course.blame()
                    return


class _Course(Generic[Upstream]):
    """A request's way from server to server."""

    def __init__(self, pool: Pool[Upstream], budget: RetryBudget, ask: Ask) -> None:
        self.ask = ask
        self._pool = pool
        self._budget = budget
        self._suspects: list[Server[Upstream]] = []
        budget.asked(pool.clock())

    def left(self) -> float | None:
        """Seconds for the server. Raises DeadlineExceeded where there are none."""
        if self.ask.deadline is None:
            return None
        left = self.ask.deadline - self._pool.clock() - MARGIN
        if left <= 0:
            raise DeadlineExceeded(f"model {self._pool.model!r}: no time was left to ask it")
        return left

    def failed(self, place: Place[Upstream], error: UpstreamError, *, begun: bool = False) -> None:
        """Returns where it is to be tried again, else raises the error. begun:
        a part of the answer was passed on."""
        now = self._pool.clock()
        if error.detail:
            at = place.server.name
            _log.warning("model %r: its server %s: %s", self._pool.model, at, error.detail)
        match error.fault:
            case Fault.SERVER:
                place.failed()
            case Fault.BUSY:
                place.refused()
            case Fault.LATE if begun:
                place.leave()  # how long an answer is, is the request's affair
            case Fault.LATE:
                place.late()
            case Fault.REQUEST:
                place.sound()
            case Fault.EITHER:
                place.leave()
                if place.server not in self._suspects:
                    self._suspects.append(place.server)
        tried = (*self.ask.tried, place.server.name)
        may = error.fault.elsewhere and not self.ask.once
        again = may and not begun and len(tried) < TRIES
        others = any(each.name not in tried for each in self._pool.servers)
        if again and others and self._budget.take(now):
            self.ask = replace(self.ask, tried=tried)
            return
        if len(self._suspects) == 1 and (begun or not others):
            self.blame()  # nobody else has failed alike
        raise error.error

    def blame(self) -> None:
        """It was not the request that failed: another server has answered."""
        for server in self._suspects:
            server.health.failed(self._pool.clock())
