"""Whom gateways that share a store ask where a session is at home."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from functools import partial
from math import inf

from catnap.errors import Unavailable
from catnap.sessions import rows
from catnap.sessions.rows import Ask, Claim, Home
from catnap.sessions.table import IDLE
from catnap.store import Store

PATIENCE = 2.0
"""Seconds after which a store that does not answer counts as away."""

COUNT = 10.0
"""Seconds after which the sessions of all instances are counted again."""

_MOST = 256
"""Asks in one work of the store's."""


class Referee:
    """Asks the store. What is asked while it answers is asked next, all in one
    statement, so that many calls cost little more than one.

    gateway: the asker's name, another for each. clock: seconds since the epoch.
    """

    def __init__(self, store: Store, gateway: str, clock: Callable[[], float]) -> None:
        self.gateway = gateway
        self.clock = clock
        self._store = store
        self._waiting: list[tuple[Ask, asyncio.Future[Home | None]]] = []
        self._asking: asyncio.Task[None] | None = None
        self._counts: Mapping[tuple[str, str], int] = {}
        self._counted = -inf

    async def find(self, session: str) -> Home | None:
        """Where a session is at home, which it uses; None for a new one.
        session: its id, see `id_of`. Raises Unavailable."""
        return await self._ask(Ask(session, self.gateway))

    async def claim(
        self,
        session: str,
        seen: Home | None,
        service: str,
        revision: str,
        instance: str,
        *,
        idle: float = IDLE,
        most: int = 0,
        busy: Collection[str] = (),
    ) -> Home:
        """Makes the instance the session's home, where that is still what was
        seen; gives the home that there is then. idle, most, busy: as a Claim
        has them. Raises Unavailable."""
        home = await self._ask(
            Ask(
                session,
                self.gateway,
                Claim(
                    service,
                    revision,
                    instance,
                    version=secrets.randbits(62) + 1,
                    gateway=self.gateway,
                    idle=idle,
                    most=most,
                    seen=seen.version if seen else 0,
                    busy=busy,
                ),
            )
        )
        assert home is not None
        return home

    async def look(self, busy: Mapping[str, bool]) -> None:
        """Tells the store what is at work; now and then it hears how many
        sessions each instance has. busy: the sessions with a call at work, by
        id, and whether their revision has lost its traffic: other gateways do
        not take them away then. Raises Unavailable."""
        now = self.clock()
        asks = [Ask(session, self.gateway, busy=leaving) for session, leaving in busy.items()]
        if asks:
            await self._store.run(partial(rows.agree, asks=asks, now=now))
        if now - self._counted >= COUNT:
            self._counts = await self._store.run(partial(rows.count, now=now))
            self._counted = now

    def count(self, service: str, instance: str) -> int:
        """How many sessions were at home there when it last looked."""
        return self._counts.get((service, instance), 0)

    async def _ask(self, ask: Ask) -> Home | None:
        answer: asyncio.Future[Home | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, answer))
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask_all())
        try:
            async with asyncio.timeout(PATIENCE):
                return await answer
        except TimeoutError:
            raise Unavailable(
                f"the store has not said for {PATIENCE:g} s where the session is at home"
            ) from None

    async def _ask_all(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
                await self._ask_some([each for each in some if not each[1].done()])
        finally:
            self._asking = None

    async def _ask_some(self, some: list[tuple[Ask, asyncio.Future[Home | None]]]) -> None:
        try:
            asks = [ask for ask, _ in some]
            found = await self._store.run(partial(rows.agree, asks=asks, now=self.clock()))
        except Exception as error:
            for _, answer in some:
                if not answer.done():
                    answer.set_exception(error)
        else:
            for (_, answer), home in zip(some, found, strict=True):
                if not answer.done():
                    answer.set_result(home)
