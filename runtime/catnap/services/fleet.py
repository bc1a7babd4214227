"""Services, their revisions and who runs them: what every platform of ours
keeps, whatever its instances are made of."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from catnap.errors import NotFound
from catnap.services import choice
from catnap.services.choice import Share
from catnap.services.instance import Instance
from catnap.services.platform import Route, Status
from catnap.services.pool import Pool
from catnap.services.revision import Revision
from catnap.services.room import Room
from catnap.sessions import DRAIN, Table

_log = logging.getLogger(__name__)


@dataclass
class Serving:
    """A service as calls meet it. revisions: by name, each that has a share or
    a tag. pools: by revision and share of the tenant's callers."""

    shares: tuple[Share, ...]
    revisions: dict[str, tuple[Revision, Room]]
    pools: dict[tuple[str, str], Pool] = field(default_factory=dict)
    sessions: Table[Instance] = field(default_factory=Table)

    def choose(self, session: str, chance: float, now: float) -> str:
        """The revision for a call that names none; empty where there is none.
        A session with calls at work is not torn apart: it stays until they
        have ended, whatever its revision's share is by now."""
        home = self.sessions.home(session, now) if session else None
        if home is not None and home.calls:
            return home.revision
        found = choice.revision(self.shares, home.revision if home else "", chance)
        if session and found and self.revisions[found][0].affinity:
            self.sessions.assign(session, found, now)
        return found


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
        self._retired: list[Pool] = []

    def has(self, namespace: str, service: str) -> bool:
        return (namespace, service) in self._serving

    def services(self) -> list[tuple[str, str]]:
        """Namespace and name of each, in that order."""
        return sorted(self._serving)

    def serve(self, revisions: Sequence[Revision], shares: tuple[Share, ...]) -> None:
        """Sends a service's new calls to these revisions, by their shares.
        What the others have begun is finished."""
        key = (revisions[0].namespace, revisions[0].service)
        before = self._serving.get(key) or Serving((), {})
        serving = Serving(
            shares,
            {
                each.name: before.revisions.get(each.name)
                or (each, Room(each.scale.max_scale, each.queue))
                for each in revisions
            },
            sessions=before.sessions,
        )
        newest = max(revisions, key=lambda each: each.name)
        serving.sessions.idle = newest.session_idle
        serving.sessions.per_instance = newest.session_max
        self._serving[key] = serving
        for name, pool in before.pools.items():
            if name[0] in serving.revisions:
                serving.pools[name] = pool
            else:
                self._retire(pool)
        self._drain(serving, before.pools.values())
        for each in revisions:
            if max(each.scale.min_scale, each.scale.initial_scale):
                self._pool(serving, each.name, "").adjust()

    def delete(self, namespace: str, service: str) -> None:
        """Raises NotFound."""
        serving = self._found(namespace, service)
        del self._serving[namespace, service]
        for pool in serving.pools.values():
            self._retire(pool)

    def pool(self, route: Route) -> Pool:
        """Where a call of this route finds its place. Raises NotFound."""
        serving = self._found(route.namespace, route.service)
        name = route.revision or serving.choose(route.session, self._chance(), self._clock())
        if name in serving.revisions:
            return self._pool(serving, name, route.share)
        home = serving.sessions.home(route.session, self._clock())
        if home is not None and not route.revision:
            for pool in self._retired:
                if home.instance in pool.instances:
                    return pool
        there = " and ".join(sorted(serving.revisions))
        raise NotFound(f"{name!r} is not served: new calls go to {there}")

    def _pool(self, serving: Serving, revision: str, share: str) -> Pool:
        pool = serving.pools.get((revision, share))
        if pool is None:
            about, room = serving.revisions[revision]
            pool = Pool(about, self._make, self._clock, room, share, serving.sessions)
            serving.pools[revision, share] = pool
        return pool

    def pools(self, namespace: str, service: str) -> Iterator[Pool]:
        """Every pool of a service, those that only finish too."""
        for pool in self._all():
            if (pool.revision.namespace, pool.revision.service) == (namespace, service):
                yield pool

    def status(self) -> list[Status]:
        return [self.status_of(*key) for key in sorted(self._serving)]

    def status_of(self, namespace: str, service: str) -> Status:
        """Raises NotFound."""
        serving = self._found(namespace, service)
        main = choice.main(serving.shares)
        return Status(
            namespace,
            service,
            main,
            sum(len(pool.instances) for pool in self.pools(namespace, service)),
            serving.shares,
            serving.revisions[main][0].image,
        )

    def tick(self) -> None:
        """Ends what is idle for too long, forgets what is empty. To be called
        every two seconds."""
        for pool in self._all():
            try:
                pool.adjust()
            except Exception:
                _log.exception("the instances of %s could not be adjusted", pool.revision.name)
        for serving in self._serving.values():
            serving.sessions.expire(self._clock())
            for key, pool in list(serving.pools.items()):
                if key[1] and pool.empty:
                    del serving.pools[key]
                    pool.leave()
        self._retired = [pool for pool in self._retired if not pool.empty]

    async def close(self) -> None:
        pools = self._all()
        self._serving.clear()
        await asyncio.gather(*(pool.close() for pool in pools))

    def _found(self, namespace: str, service: str) -> Serving:
        found = self._serving.get((namespace, service))
        if found is None:
            raise NotFound(f"there is no service {service!r} in {namespace!r}")
        return found

    def _all(self) -> list[Pool]:
        served = (pool for serving in self._serving.values() for pool in serving.pools.values())
        return [*served, *self._retired]

    def _drain(self, serving: Serving, pools: Iterable[Pool]) -> None:
        """Of sessions, the revisions that get no more of the traffic."""
        shares = {each.revision for each in serving.shares if each.percent}
        now = self._clock()
        for pool in pools:
            if pool.revision.name not in shares:
                for instance in pool.instances:
                    serving.sessions.drain(instance, now, now + DRAIN)

    def _retire(self, pool: Pool) -> None:
        pool.retired = True
        pool.adjust()
        self._retired.append(pool)
