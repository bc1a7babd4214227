"""Services, their revisions and who runs them: what every platform of ours
keeps, whatever its instances are made of."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from catnap.errors import NotFound
from catnap.services import choice
from catnap.services.choice import Share
from catnap.services.instance import Instance
from catnap.services.platform import Route, Status
from catnap.services.pool import Pool
from catnap.services.revision import Revision
from catnap.services.room import Room
from catnap.sessions import Table

_log = logging.getLogger(__name__)


@dataclass
class Serving:
    """A service as calls meet it.

    shares: none once it is deleted. revisions: by name, each that has a share
    or a tag. rooms: by revision. pools: by revision and share of the tenant's
    callers. A revision that is sent no more calls keeps its room and pools
    until those are empty: should it come back before, it goes on with them.
    """

    shares: tuple[Share, ...] = ()
    revisions: dict[str, Revision] = field(default_factory=dict)
    rooms: dict[str, Room] = field(default_factory=dict)
    pools: dict[tuple[str, str], Pool] = field(default_factory=dict)
    sessions: Table[Instance] = field(default_factory=Table)

    def choose(self, route: Route, chance: Callable[[], float], now: float) -> str:
        """The revision for a call that names none; empty where there is none."""
        if not route.session:
            return choice.revision(self.shares, "", chance())
        home = self.sessions.home(route.session, now)
        sticky = any(self.revisions[each.revision].affinity for each in self.shares)
        if not (home or sticky):
            return choice.revision(self.shares, "", chance())
        found = choice.of_session(self.shares, route.service, route.session, self.sessions, now)
        revision = self.revisions.get(found)
        if revision is not None and revision.affinity:
            self.sessions.assign(route.session, found, now, revision.session_idle)
        return found

    def target(self, revisions: Sequence[Revision], shares: tuple[Share, ...]) -> None:
        """Sends new calls there. What others have begun is finished."""
        self.shares = shares
        self.revisions = {each.name: each for each in revisions}
        for each in revisions:
            self.rooms.setdefault(each.name, Room(each.scale.max_scale, each.queue))
        for pool in self.pools.values():
            pool.retired = pool.revision.name not in self.revisions
            if pool.retired:
                pool.adjust()

    def tick(self, now: float) -> None:
        """Ends what is idle for too long, forgets what is empty."""
        self.sessions.expire(now)
        for pool in self.pools.values():
            try:
                pool.adjust()
            except Exception:
                _log.exception("the instances of %s could not be adjusted", pool.revision.name)
        for key, pool in list(self.pools.items()):
            # One that must not start yet is kept to be seen.
            if pool.empty and (key[1] or pool.retired) and not pool.retry_in:
                pool.leave()
                del self.pools[key]
        kept = {*self.revisions, *(revision for revision, _ in self.pools)}
        self.rooms = {name: room for name, room in self.rooms.items() if name in kept}


class Fleet:
    """Pools by service, revision and share.

    make: an instance of a revision by its name. chance: 0 <= n < 1, for what
    is split.
    """

    def __init__(
        self,
        make: Callable[[Revision, str], Instance],
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._make = make
        self._clock = clock
        self._chance = chance
        self._serving: dict[tuple[str, str], Serving] = {}

    def has(self, namespace: str, service: str) -> bool:
        serving = self._serving.get((namespace, service))
        return serving is not None and bool(serving.revisions)

    def services(self) -> list[tuple[str, str]]:
        """Namespace and name of each, in that order."""
        return sorted(key for key, serving in self._serving.items() if serving.revisions)

    def serve(self, revisions: Sequence[Revision], shares: tuple[Share, ...]) -> None:
        """Sends a service's new calls to these revisions, by their shares.
        What the others have begun is finished."""
        newest = max(revisions, key=lambda each: each.name)
        serving = self._serving.setdefault((newest.namespace, newest.service), Serving())
        serving.target(revisions, shares)
        for each in revisions:
            if max(each.scale.min_scale, each.scale.initial_scale):
                self._pool(serving, each.name, "").adjust()

    def delete(self, namespace: str, service: str) -> None:
        """Raises NotFound."""
        self._found(namespace, service).target((), ())

    def pool(self, route: Route) -> Pool:
        """Where a call of this route finds its place. Raises NotFound."""
        serving = self._found(route.namespace, route.service)
        name = route.revision or serving.choose(route, self._chance, self._clock())
        if name in serving.revisions:
            return self._pool(serving, name, route.share)
        home = serving.sessions.home(route.session, self._clock())
        if home is not None and not route.revision:
            for pool in serving.pools.values():
                if home.instance in pool.instances:
                    return pool
        there = " and ".join(sorted(serving.revisions))
        raise NotFound(f"{name!r} is not served: new calls go to {there}")

    def _pool(self, serving: Serving, revision: str, share: str) -> Pool:
        pool = serving.pools.get((revision, share))
        if pool is None:
            about, room = serving.revisions[revision], serving.rooms[revision]
            pool = Pool(about, self._make, self._clock, room, share, serving.sessions)
            serving.pools[revision, share] = pool
        return pool

    def pools(self, namespace: str, service: str) -> Iterator[Pool]:
        """Every pool of a service, those that only finish too."""
        serving = self._serving.get((namespace, service))
        yield from serving.pools.values() if serving else ()

    def images(self) -> set[str]:
        """What each of its instances may run from, and those that may yet start."""
        pools = (pool for serving in self._serving.values() for pool in serving.pools.values())
        return {pool.revision.image for pool in pools}

    def status(self) -> list[Status]:
        return [self.status_of(*key) for key in self.services()]

    def status_of(self, namespace: str, service: str) -> Status:
        """Raises NotFound."""
        serving = self._found(namespace, service)
        main = choice.main(serving.shares)
        return Status(
            namespace,
            service,
            main,
            sum(len(pool.instances) for pool in serving.pools.values()),
            serving.shares,
        )

    def tick(self) -> None:
        """Ends what is idle for too long, forgets what is empty. To be called
        every two seconds."""
        for key, serving in list(self._serving.items()):
            serving.tick(self._clock())
            if not (serving.revisions or serving.pools):
                del self._serving[key]

    async def close(self) -> None:
        pools = self._all()
        self._serving.clear()
        await asyncio.gather(*(pool.close() for pool in pools))

    def _found(self, namespace: str, service: str) -> Serving:
        found = self._serving.get((namespace, service))
        if found is None or not found.revisions:
            raise NotFound(f"there is no service {service!r} in {namespace!r}")
        return found

    def _all(self) -> list[Pool]:
        return [pool for serving in self._serving.values() for pool in serving.pools.values()]
