"""Makes what runs agree with the Service objects that a platform was given."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import msgspec

from catnap.errors import NotFound
from catnap.services import observe, traffic
from catnap.services.fleet import Fleet
from catnap.services.ledger import Entry, Ledger
from catnap.services.revision import Revision, revision_of
from catnap.services.snapshot import Service
from catnap.services.traffic import Target


class Controller:
    """Revisions and routes of a platform that has both in its own hands.

    prepare: makes sure that a revision can be started; it raises where it
    cannot, and then nothing changes. clock: seconds since the epoch.
    """

    def __init__(
        self,
        fleet: Fleet,
        ledger: Ledger,
        prepare: Callable[[Revision], Awaitable[None]],
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
            entry = self.entry(namespace, service)
            await self._serve(msgspec.structs.replace(entry, traffic=tuple(targets)).settled())

    async def delete(self, namespace: str, service: str) -> None:
        """Raises NotFound."""
        async with self._changing[namespace, service]:
            self._fleet.delete(namespace, service)
            entry = self._ledger.get(namespace, service)
            self._ledger.keep(namespace, service, entry.deleted())

    def entry(self, namespace: str, service: str) -> Entry:
        """What there is of a service. Raises NotFound where it is not served."""
        if not self._fleet.has(namespace, service):
            raise NotFound(f"there is no service {service!r} in {namespace!r}")
        return self._ledger.get(namespace, service)

    def tagged(self, namespace: str, service: str, tag: str) -> str:
        entry = self.entry(namespace, service)
        return traffic.tagged(entry.traffic, entry.latest.name, tag, service)

    def snapshot(self) -> list[Service]:
        """Every service that is served, by tenant and name."""
        return [
            observe.service(*key, self._ledger.get(*key), self._fleet.pools(*key))
            for key in self._fleet.services()
        ]

    async def _serve(self, entry: Entry) -> None:
        shares = traffic.shares(entry.traffic, entry.latest.name)
        revisions = [entry.named[each.revision].revision() for each in shares]
        for each in {each.name: each for each in (*revisions, entry.latest.revision())}.values():
            await self._prepare(each)
        latest = entry.latest.revision()
        self._ledger.keep(latest.namespace, latest.service, entry)
        self._fleet.serve(revisions, shares)
