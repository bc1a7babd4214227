"""Services, their revisions and who runs them: what every platform of ours
keeps, whatever its instances are made of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from catnap.errors import NotFound
from catnap.services.instance import Instance
from catnap.services.platform import Route, Status
from catnap.services.pool import Pool
from catnap.services.revision import Revision
from catnap.services.room import Room

_log = logging.getLogger(__name__)


class Fleet:
    """Pools by service and share. make: an instance of a revision by its name."""

    def __init__(
        self, make: Callable[[Revision, str], Instance], clock: Callable[[], float]
    ) -> None:
        self._make = make
        self._clock = clock
        self._serving: dict[tuple[str, str], tuple[Revision, Room]] = {}
        self._pools: dict[tuple[str, str], dict[str, Pool]] = {}
        self._retired: list[Pool] = []

    def get(self, namespace: str, service: str) -> Revision:
        """The revision that new calls go to. Raises NotFound."""
        return self._found(namespace, service)[0]

    def serve(self, revision: Revision) -> None:
        """Sends new calls to a revision. An older one finishes what it has."""
        key = (revision.namespace, revision.service)
        self._serving[key] = (revision, Room(revision.scale.max))
        self._retire(key)
        if revision.scale.min:
            self.pool(Route(*key)).adjust()

    def delete(self, namespace: str, service: str) -> None:
        """Raises NotFound."""
        self._found(namespace, service)
        del self._serving[namespace, service]
        self._retire((namespace, service))

    def pool(self, route: Route) -> Pool:
        """Where a call of this route finds its place. Raises NotFound."""
        revision, room = self._found(route.namespace, route.service)
        if route.revision not in ("", revision.name):
            raise NotFound(f"{route.revision!r} is not served: new calls go to {revision.name!r}")
        shares = self._pools.setdefault((route.namespace, route.service), {})
        pool = shares.get(route.share)
        if pool is None:
            pool = Pool(revision, self._make, self._clock, room, route.share)
            shares[route.share] = pool
        return pool

    def status(self) -> list[Status]:
        return [
            Status(
                *key,
                revision.name,
                sum(
                    len(pool.instances)
                    for pool in self._all()
                    if (pool.revision.namespace, pool.revision.service) == key
                ),
            )
            for key, (revision, _) in sorted(self._serving.items(), key=lambda each: each[0])
        ]

    def tick(self) -> None:
        """Ends what is idle for too long, forgets what is empty. To be called
        every second or so."""
        for pool in self._all():
            try:
                pool.adjust()
            except Exception:
                _log.exception("the instances of %s could not be adjusted", pool.revision.name)
        for shares in self._pools.values():
            for share, pool in list(shares.items()):
                if share and pool.empty:
                    del shares[share]
                    pool.leave()
        self._retired = [pool for pool in self._retired if not pool.empty]

    async def close(self) -> None:
        self._serving.clear()
        await asyncio.gather(*(pool.close() for pool in self._all()))

    def _found(self, namespace: str, service: str) -> tuple[Revision, Room]:
        found = self._serving.get((namespace, service))
        if found is None:
            raise NotFound(f"there is no service {service!r} in {namespace!r}")
        return found

    def _all(self) -> list[Pool]:
        return [*(p for shares in self._pools.values() for p in shares.values()), *self._retired]

    def _retire(self, key: tuple[str, str]) -> None:
        for pool in self._pools.pop(key, {}).values():
            pool.retired = True
            pool.adjust()
            self._retired.append(pool)
