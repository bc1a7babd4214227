"""The limits and the use of this gateway, in memory and in the store."""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence

from catnap.access import limit_rows, model_usage_rows, usage_rows
from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who, whose
from catnap.access.model_usage import ModelTallies, ModelTally
from catnap.access.model_usage_rows import ModelUse
from catnap.access.usage import Tally, Used, day_of
from catnap.access.usage_rows import Share, Use
from catnap.errors import CatnapError, NotFound
from catnap.store import Database, Store

SLICE = 0.25
"""Seconds of use that a crash loses: what was let in since is counted no more,
so a day may allow as much again beyond its limit."""

HEARD = 1.0
"""Seconds after which gateways that share a store know what the others let in,
which limits they set, and how many they are. What they let in meanwhile may go
beyond a day's limit."""

_SKEW = 15.0
"""Seconds that the clocks of gateways may be apart."""

_log = logging.getLogger(__name__)


class Meter:
    """Keeps a Limiter's limits and use in the store.

    configured: limits of the settings; one in the store with the same scope
    holds in its place. Gateways that share the store each take their part of a
    rate and of places, and count a day's use together.
    """

    def __init__(
        self, store: Store, clock: Callable[[], float], configured: Sequence[Limit] = ()
    ) -> None:
        self.limiter = Limiter(configured)
        self.models = ModelTallies()
        self._store = store
        self._clock = clock
        self._configured = {limit.scope: limit for limit in configured}
        self._process = secrets.token_hex(8)
        self._name = self._process if store.shared else ""
        self._day = 0
        self._heard: dict[tuple[str, Who], Used] = {}
        """What is known of today from each gateway's rows."""
        self._since = 0.0
        self._forgotten = 0
        self._one = asyncio.Lock()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Knows the limits and what was used today; writes down from now on
        what will be."""
        await self.hear()
        self._tasks.append(asyncio.create_task(_again(SLICE, self._keep)))
        if self._store.shared:
            self._tasks.append(asyncio.create_task(_again(HEARD, self.hear)))

    async def stop(self) -> None:
        """What was used is in the store."""
        async with self._one:  # not in the middle of it
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self.settle()
            if self._store.shared:
                await self._store.run(functools.partial(usage_rows.leave, gateway=self._name))
        except CatnapError as error:
            _log.warning("the use of the last moment is not written down: %s", error.message)

    # --- limits --------------------------------------------------------------

    async def put(self, limit: Limit) -> None:
        """Bounds those of its scope from now on, by nothing but this."""
        await self._store.run(lambda db: limit_rows.put(db, limit))
        await self.hear()

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
        await self.hear()

    def is_configured(self, limit: Limit) -> bool:
        """Whether it is the settings' own."""
        return self._configured.get(limit.scope) is limit

    # --- use -----------------------------------------------------------------

    async def used(self, day: str, tenant: str = "", user: str = "", skill: str = "") -> list[Use]:
        """Of one day, up to now; of those that are named."""
        await self.settle()
        return await self._store.run(lambda db: usage_rows.of_day(db, day, tenant, user, skill))

    async def used_models(
        self, day: str, tenant: str = "", user: str = "", skill: str = "", model: str = ""
    ) -> list[ModelUse]:
        """What models were asked for on one day, up to now; by those that are named."""
        await self.settle()
        return await self._store.run(
            lambda db: model_usage_rows.of_day(db, day, tenant, user, skill, model)
        )

    async def settle(self) -> None:
        """Writes down what was used. Raises Unavailable; then it is written
        with what follows."""
        async with self._one:
            noted, models = self.limiter.noted(), self.models.noted()
            if not noted and not models:
                return
            try:
                await self._store.run(self._writing(noted, models))
            except BaseException:
                self.limiter.note_again(noted)
                self.models.note_again(models)
                raise

    def _writing(
        self, noted: Sequence[Tally], models: Sequence[ModelTally]
    ) -> Callable[[Database], None]:
        uses = [(tally.day, tally.who, tally.own()) for tally in noted]
        asked = [model_usage_rows.written(tally) for tally in models]
        now = self._clock()

        def write(db: Database) -> None:
            usage_rows.put(db, self._name, uses, now)
            model_usage_rows.put(db, self._process, asked)

        return write

    async def hear(self) -> None:
        """Takes up the limits that there are, and what was used elsewhere."""
        async with self._one:
            now = self._clock()
            if day_of(now) != self._day:
                self._day, self._heard, self._since = day_of(now), {}, 0.0
            limits, shares, gateways = await self._store.run(functools.partial(self._look, now=now))
            self._since = now - _SKEW
            found = {**self._configured, **{limit.scope: limit for limit in limits}}
            if tuple(found.values()) != self.limiter.limits:
                self.limiter.change(found.values())
            self.limiter.share(gateways)
            for share in shares:
                self._take(share, now)

    def _look(self, db: Database, now: float) -> tuple[list[Limit], list[Share], int]:
        gateways = usage_rows.present(db, self._name, now) if self._store.shared else 1
        return limit_rows.limits(db), usage_rows.shares(db, self._day, self._since), gateways

    def _take(self, share: Share, now: float) -> None:
        own = share.gateway == self._name
        if own and self._tasks:
            return  # it was counted when it was let in
        known = self._heard.get((share.gateway, share.who), Used())
        self._heard[share.gateway, share.who] = share.used
        self.limiter.heard(self._day, share.who, share.used.since(known), now, own=own)

    async def _keep(self) -> None:
        await self.settle()
        today = day_of(self._clock())
        if today != self._forgotten:
            await self._store.run(functools.partial(usage_rows.forget, day=today))
            await self._store.run(functools.partial(model_usage_rows.forget, day=today))
            self._forgotten = today


async def _again(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except CatnapError as error:
            _log.warning("limits count on without the store: %s", error.message)
        except Exception:
            _log.exception("limits count on without the store")
        await asyncio.sleep(seconds)
