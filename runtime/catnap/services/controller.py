"""Makes what runs agree with the Service objects that a platform was given."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from catnap.errors import NotFound
from catnap.services import observe, traffic
from catnap.services.entry import Entry
from catnap.services.fleet import Fleet
from catnap.services.ledger import Ledger
from catnap.services.revision import Revision, revision_of
from catnap.services.snapshot import Service
from catnap.services.traffic import Target


class Controller:
    """Revisions and routes of a platform that has both in its own hands.

    prepare: makes sure that revisions can be started; it raises where one
    cannot, and then nothing changes. clock: seconds since the epoch.
    """

    def __init__(
        self,
        fleet: Fleet,
        ledger: Ledger,
        prepare: Callable[[Iterable[Revision]], Awaitable[None]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fleet = fleet
        self._ledger = ledger
        self._prepare = prepare
        self._clock = clock
        self._changing: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def apply(self, service: Mapping[str, Any]) -> str:
        """The newest revision's name. As the Platform port says."""
        wanted = revision_of(service, 0)
        async with self._changing[wanted.namespace, wanted.service]:
            entry = self._ledger.get(wanted.namespace, wanted.service)
            await self._serve(entry.applied(service, self._clock()).settled())
            return self._ledger.get(wanted.namespace, wanted.service).latest.name

    async def route(self, namespace: str, service: str, targets: Iterable[Target]) -> None:
        """As the Platform port says."""
        async with self._changing[namespace, service]:
            await self._serve(self.entry(namespace, service).routed(targets))

    async def delete(self, namespace: str, service: str) -> None:
        """Raises NotFound."""
        async with self._changing[namespace, service]:
            entry = self.entry(namespace, service)
            self._ledger.keep(namespace, service, entry.deleted())
            self._fleet.delete(namespace, service)

    def entry(self, namespace: str, service: str) -> Entry:
        """What there is of a service. Raises NotFound where it is not served."""
        if not self._fleet.has(namespace, service):
            raise NotFound(f"there is no service {service!r} in {namespace!r}")
        return self._ledger.get(namespace, service)

    def tagged(self, namespace: str, service: str, tag: str) -> str:
        entry = self.entry(namespace, service)
        return traffic.tagged(entry.traffic, entry.latest.name, tag, service)

    def image(self, namespace: str, service: str, targets: Iterable[Target] | None = None) -> str:
        """What most calls run from; with targets, what they would if traffic
        went there. Raises NotFound, or InvalidRequest as `route`."""
        entry = self.entry(namespace, service)
        return (entry if targets is None else entry.routed(targets)).main.image

    def newest(self, service: str) -> str:
        """The image of the last revision that was made of a service, for
        whichever tenant; empty where none is kept."""
        kept = self._ledger.newest(service)
        return kept.image if kept else ""

    def forget(self, service: str) -> None:
        """Keeps no more than the numbers of a service that nobody is served."""
        self._ledger.forget(service)

    def images(self) -> set[str]:
        """What is kept or still runs is made of these. Raises InvalidRequest
        where that cannot be known."""
        return self._ledger.images() | self._fleet.images()

    def look(self, namespace: str, service: str) -> Service:
        """Raises NotFound."""
        entry = self.entry(namespace, service)
        return observe.service(namespace, service, entry, self._fleet.pools(namespace, service))

    def snapshot(self) -> list[Service]:
        """Every service that is served, by tenant and name."""
        return [self.look(*key) for key in self._fleet.services()]

    async def _serve(self, entry: Entry) -> None:
        shares = traffic.shares(entry.traffic, entry.latest.name)
        revisions = [entry.named[each.revision].revision for each in shares]
        latest = entry.latest.revision
        await self._prepare((*revisions, latest))
        self._ledger.keep(latest.namespace, latest.service, entry)
        self._fleet.serve(revisions, shares)
