"""The limits and the use of this gateway, in memory and in the store."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Sequence

from catnap.access import limit_rows
from catnap.access.limit_rows import Use
from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who, whose
from catnap.access.usage import day_of
from catnap.errors import CatnapError, NotFound
from catnap.store import Store

SLICE = 0.25
"""Seconds of use that a crash loses: what was let in since is counted no more,
so a day may allow as much again beyond its limit."""

_log = logging.getLogger(__name__)


class Meter:
    """Keeps a Limiter's limits and use in the store.

    configured: limits of the settings; one in the store with the same scope
    holds in its place.
    """

    def __init__(
        self, store: Store, clock: Callable[[], float], configured: Sequence[Limit] = ()
    ) -> None:
        self.limiter = Limiter(configured)
        self._store = store
        self._clock = clock
        self._configured = {limit.scope: limit for limit in configured}
        self._writing: asyncio.Task[None] | None = None
        self._one = asyncio.Lock()

    async def start(self) -> None:
        """Knows what was used today; writes down from now on what will be."""
        day = day_of(now := self._clock())
        tallies = await self._store.run(lambda db: limit_rows.tallies(db, day))
        self.limiter.load(tallies, now)
        await self._take_up()
        self._writing = asyncio.create_task(self._write())

    async def stop(self) -> None:
        """What was used is in the store."""
        if self._writing:
            async with self._one:  # not in the middle of it
                self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        try:
            await self.settle()
        except CatnapError as error:
            _log.warning("the use of the last moment is not written down: %s", error.message)

    # --- limits --------------------------------------------------------------

    async def put(self, limit: Limit) -> None:
        """Bounds those of its scope from now on, by nothing but this."""
        await self._store.run(lambda db: limit_rows.put(db, limit))
        await self._take_up()

    async def remove(self, scope: Who) -> None:
        """Raises NotFound where the store has none of this scope; one of the
        settings holds again."""
        if not await self._store.run(lambda db: limit_rows.remove(db, scope)):
            hint = (
                ": it is one of catnap.toml, and is changed there"
                if scope in self._configured
                else ": `catnap limits list` shows those there are"
            )
            raise NotFound(f"no limit of {whose(scope)} was set{hint}")
        await self._take_up()

    def is_configured(self, limit: Limit) -> bool:
        """Whether it is the settings' own."""
        return self._configured.get(limit.scope) is limit

    async def _take_up(self) -> None:
        found = {limit.scope: limit for limit in await self._store.run(limit_rows.limits)}
        self.limiter.change({**self._configured, **found}.values())

    # --- use -----------------------------------------------------------------

    async def used(self, day: str, tenant: str = "", user: str = "", skill: str = "") -> list[Use]:
        """Of one day, up to now; of those that are named."""
        await self.settle()
        return await self._store.run(lambda db: limit_rows.of_day(db, day, tenant, user, skill))

    async def settle(self) -> None:
        """Writes down what was used. Raises Unavailable; then it is written
        with what follows."""
        async with self._one:
            noted = [(tally, tally.written) for tally in self.limiter.noted()]
            if not noted:
                return
            # The store goes on with it where the caller leaves.
            for tally, _ in noted:
                tally.written = tally.used.copy()
            fresh = [(t.day, t.who, t.written.since(before)) for t, before in noted]
            try:
                await self._store.run(lambda db: limit_rows.add(db, fresh))
            except Exception:
                for tally, before in noted:
                    tally.written = before
                self.limiter.note_again(tally for tally, _ in noted)
                raise

    async def _write(self) -> None:
        forgotten = 0
        while True:
            try:
                await self.settle()
                today = day_of(self._clock())
                if today != forgotten:
                    await self._store.run(functools.partial(limit_rows.forget, day=today))
                    forgotten = today
            except CatnapError as error:
                _log.warning("what was used is not written down yet: %s", error.message)
            except Exception:
                _log.exception("what was used is not written down yet")
            await asyncio.sleep(SLICE)
