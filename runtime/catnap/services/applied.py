"""The skills of a folder, as they are applied for each tenant."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from catnap.errors import Conflict, NotFound
from catnap.services import traffic
from catnap.services.catalog import Deployed
from catnap.services.images import Image
from catnap.services.platform import Platform
from catnap.services.render import service
from catnap.services.shelf import Shelf
from catnap.services.source import Source
from catnap.services.traffic import Target


class Keeper(Platform, Protocol):
    """A Platform that keeps books of what it was given. Images are meant by
    their references."""

    def image(self, namespace: str, service: str, targets: Iterable[Target] | None = None) -> str:
        """What most calls run from; with targets, what they would if traffic
        went there. Raises NotFound, or InvalidRequest as `route`."""
        ...

    def newest(self, service: str) -> str:
        """What the last revision runs from that was made of a service, for
        whichever tenant, here or before a restart; empty where none is kept."""
        ...

    def forget(self, service: str) -> None:
        """Keeps no more than the numbers of a service that nobody is served,
        whoever was before a restart."""
        ...

    def collect(self) -> set[str]:
        """Gives what is needed of the images, by what runs or can be gone back
        to, and forgets the others. Raises InvalidRequest where the books cannot
        be read."""
        ...


@dataclass(frozen=True, kw_only=True)
class Built(Deployed):
    """A skill, and the image that it runs from."""

    image: Image
    tenants: dict[str, str] = field(default_factory=dict)
    """Revision by tenant it was applied for; added to by whoever applies it."""

    @classmethod
    def of(cls, source: Source) -> Built:
        return cls(manifest=source.manifest, description=source.description, image=source.image)


class Applied:
    """Where most of a tenant's calls go to an older revision, they meet that
    one's manifest: nothing else would be gone back to.

    tenants: those that every skill is applied for at once.
    """

    def __init__(self, platform: Keeper, shelf: Shelf, tenants: Iterable[str]) -> None:
        self._platform = platform
        self._shelf = shelf
        self._tenants = tuple(tenants)
        self._newest: dict[str, Built] = {}
        self._older: dict[tuple[str, str], Built] = {}
        """Of a tenant and a name, where most calls do not go to the newest."""
        self._applying: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def __len__(self) -> int:
        return len(self._newest)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._newest))

    def __contains__(self, name: str) -> bool:
        return name in self._newest

    def get(self, name: str, tenant: str) -> Built | None:
        """As a tenant's calls meet it; an unknown one's the newest."""
        return self._older.get((tenant, name)) or self._newest.get(name)

    def images(self) -> set[str]:
        return {each.image.reference for each in self._newest.values()}

    async def take(self, deployed: Built) -> None:
        """Serves a skill from now on, to whoever was served an older one too.
        Raises InvalidRequest where the platform does not run it, and then the
        older one stays."""
        name = deployed.manifest.name
        async with self._applying[name]:
            known = self._newest.get(name)
            for tenant in {*self._tenants, *(known.tenants if known else ())}:
                deployed.tenants[tenant] = await self._apply(deployed, tenant)
            main = {tenant: await self._main(deployed, tenant) for tenant in deployed.tenants}
            self._newest[name] = deployed
            for tenant, met in main.items():
                self._meet(name, tenant, met)

    async def revision(self, name: str, tenant: str) -> str:
        """The newest that serves a tenant, applied if it has not been; empty
        where there is no such skill."""
        newest = self._newest.get(name)
        if newest is not None and tenant in newest.tenants:
            return newest.tenants[tenant]
        async with self._applying[name]:
            newest = self._newest.get(name)
            if newest is None:
                return ""
            if tenant not in newest.tenants:
                revision = await self._apply(newest, tenant)
                self._meet(name, tenant, await self._main(newest, tenant))
                newest.tenants[tenant] = revision
            return newest.tenants[tenant]

    async def route(
        self, tenant: str, name: str, targets: Sequence[Target], version: str = ""
    ) -> None:
        """Sends a tenant's calls where the targets say. version: of the traffic
        that this is instead of, any if empty. Raises NotFound where nothing
        runs for the tenant, InvalidRequest for a revision that there is not,
        and Conflict where the traffic is another by now."""
        async with self._applying[name]:
            now = self._platform.look(tenant, name).traffic
            if version and version != traffic.version(now):
                raise Conflict(
                    f"somebody else has changed the traffic of {name!r} meanwhile: look at it "
                    "again, then change it"
                )
            met = await self._main(self._newest[name], tenant, targets)
            await self._platform.route(tenant, name, targets)
            self._meet(name, tenant, met)

    async def remove(self, name: str) -> bool:
        """Whether there was such a skill."""
        async with self._applying[name]:
            tenants = self._newest[name].tenants if name in self._newest else {}
            for tenant in list(tenants):
                with contextlib.suppress(NotFound):
                    await self._platform.delete(tenant, name)
                self._older.pop((tenant, name), None)
                del tenants[tenant]
            self._platform.forget(name)
            return self._newest.pop(name, None) is not None

    def blame(self, name: str, problem: str) -> None:
        """problem: why nothing newer is served."""
        self._newest[name] = replace(self._newest[name], problem=problem)
        for key in [each for each in self._older if each[1] == name]:
            self._older[key] = replace(self._older[key], problem=problem)

    def news(self, name: str) -> str:
        """Who is served by the newest revision. Traffic that was pinned to
        others stays there."""
        newest = self._newest[name].tenants
        names = ", ".join(sorted(set(newest.values())))
        stay: dict[str, None] = {}
        for tenant, revision in newest.items():
            seen = self._platform.look(tenant, name).revisions
            getting = [each.name for each in seen if each.percent]
            if revision not in getting:
                stay |= dict.fromkeys(getting)
        if stay:
            there = ", ".join(stay)
            return f"{names} is ready, traffic stays at {there}: `catnap traffic {name} --latest`"
        return f"now {names or 'a new revision'}"

    async def _apply(self, deployed: Built, tenant: str) -> str:
        image = deployed.image.reference
        return await self._platform.apply(service(deployed.manifest, image=image, namespace=tenant))

    async def _main(
        self, newest: Built, tenant: str, targets: Sequence[Target] | None = None
    ) -> Built:
        """What most of a tenant's calls go to, or would with these targets."""
        name = newest.manifest.name
        reference = self._platform.image(tenant, name, targets)
        for known in (newest, self._older.get((tenant, name))):
            if known is not None and known.image.reference == reference:
                return known
        return Built.of(await self._shelf.again(reference))

    def _meet(self, name: str, tenant: str, met: Built) -> None:
        newest = self._newest[name]
        if met.image == newest.image:
            self._older.pop((tenant, name), None)
        else:
            self._older[tenant, name] = replace(met, problem=newest.problem)
