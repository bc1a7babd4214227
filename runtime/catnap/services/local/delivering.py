"""A request on its way through the platform, to the end of its answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from types import TracebackType

from catnap.errors import Unavailable
from catnap.services.deadlines import Deadlines
from catnap.services.fleet import Fleet
from catnap.services.local.exchange import Exchange, NotBegun
from catnap.services.local.keeping import HEADER, Keeping, Visit, at_home
from catnap.services.place import Place
from catnap.services.platform import Delivery, Route
from catnap.services.pool import Pool
from catnap.services.timeouts import Patience
from catnap.services.timings import waited

SENDS = 3
"""Instances that a call may meet just as they end."""


class Deliveries:
    """keeping: of the sessions' folders, where skills may have any."""

    def __init__(self, fleet: Fleet, exchange: Exchange, keeping: Keeping | None) -> None:
        self.fleet = fleet
        self.exchange = exchange
        self.keeping = keeping
        self.deadlines = Deadlines()

    async def visit(self, route: Route, pool: Pool, place: Place) -> Visit | None:
        """The session's folder, where the skill wants one; a call that is not at
        its session's home has none. The place is given back where it cannot be
        had."""
        if not pool.revision.workspace or self.keeping is None or place.home is None:
            return None
        try:
            return await self.keeping.enter(route, place.instance.name)
        except BaseException:
            pool.release(place)
            raise


class Delivering:
    """The block of one request: within its revision's timeouts it waits for a
    place and is sent, again to another instance where one did not begin it. A
    class for the same reason as Sent."""

    __slots__ = ("_about", "_body", "_headers", "_patience", "_route", "_sent")

    _patience: Patience
    _sent: AbstractAsyncContextManager[Delivery]

    def __init__(
        self,
        about: Deliveries,
        route: Route,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
    ) -> None:
        self._about, self._route = about, route
        self._headers, self._body = headers, body

    async def __aenter__(self) -> Delivery:
        began = time.perf_counter()
        about, route = self._about, self._route
        pool = about.fleet.pool(route)
        patience = Patience(about.deadlines, pool.revision.name, pool.revision.timeouts)
        self._patience = patience
        patience.__enter__()
        try:
            for _ in range(SENDS):
                place, cold = await pool.acquire(route.session, nested=route.nested)
                visit = None
                if pool.revision.workspace:
                    visit = await about.visit(route, pool, place)
                milliseconds = (time.perf_counter() - began) * 1000
                timings = waited(milliseconds, place.instance.timings if cold else None)
                headers = self._headers
                if visit:
                    headers = [*headers, (HEADER, visit.name.encode())]
                self._sent = about.exchange.send(
                    pool, place, headers, self._body, timings, patience
                )
                if visit and about.keeping:
                    self._sent = at_home(about.keeping, visit, self._sent)
                try:
                    return await self._sent.__aenter__()
                except NotBegun:
                    pool = about.fleet.pool(route)
            raise Unavailable(f"instances of {route.service} end before they can be called")
        except BaseException as error:
            patience.__exit__(type(error), error, error.__traceback__)
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        try:
            handled = await self._sent.__aexit__(kind, error, trace)
        except BaseException as other:
            self._patience.__exit__(type(other), other, other.__traceback__)
            raise
        self._patience.__exit__(kind, error, trace)
        return handled
