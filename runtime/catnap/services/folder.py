"""The skills of a folder: read, built, described, and applied per tenant.

A skill that cannot be deployed never replaces the one that runs, and one that
was deleted stays away until it is deployed again, whatever is edited.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from catnap.errors import CatnapError, Conflict, InvalidRequest, NotFound, Unavailable
from catnap.services import environment, images, leftovers, traffic
from catnap.services.catalog import Announce, Deployed, unknown
from catnap.services.images import Image
from catnap.services.platform import Platform
from catnap.services.render import service
from catnap.services.source import again, load
from catnap.services.traffic import Target
from catnap.services.withdrawn import Withdrawn

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Built(Deployed):
    """A skill, and the image that it runs from."""

    image: Image
    tenants: dict[str, str] = field(default_factory=dict)
    """Revision by tenant it was applied for; the catalog adds to it."""


class FolderCatalog:
    """A catalog: every tenant has every skill of the folder.

    tenants: those that every skill is applied for at once; others get it
    with their first call.
    """

    def __init__(
        self,
        functions: Path,
        home: Path,
        platform: Platform,
        announce: Announce,
        tenants: Iterable[str] = (),
    ) -> None:
        self._platform = platform
        self._tenants = tuple(tenants)
        self._loaded = False
        self._functions = functions
        self._home = home
        self._announce = announce
        self._skills: dict[str, Built] = {}
        self._pinned: dict[tuple[str, str], Deployed] = {}
        """Where most of a tenant's calls go to an older revision: that one, by
        tenant and name. Its manifest counts, or nothing would be gone back to."""
        self._problems: dict[str, str] = {}
        self._withdrawn = Withdrawn(home / "withdrawn.json")
        self._seen: dict[str, str] = {}
        """Digest of the newest source that was tried, by skill."""
        self._built: set[Path] = set()
        """Every image since this process began: an older revision may run on it."""
        self._refreshing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._applying: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def __len__(self) -> int:
        return len(self._skills)

    def of(self, tenant: str) -> Iterator[Deployed]:
        return iter([self.get(name, tenant) for name in sorted(self._skills)])

    def get(self, name: str, tenant: str = "") -> Deployed:
        return self._pinned.get((tenant, name)) or self._newest(name)

    def _newest(self, name: str) -> Built:
        found = self._skills.get(name)
        if found is not None:
            return found
        if name in self._problems:
            raise Unavailable(f"skill {name!r} cannot be served: {self._problems[name]}")
        if name in self._withdrawn:
            raise NotFound(f"skill {name!r} was deleted: `catnap deploy --here {name}` serves it")
        raise unknown(name, self._skills)

    def problems(self, tenant: str) -> Mapping[str, str]:
        return dict(self._problems)

    async def load(self) -> None:
        """Deploys every skill of the folder; announces those it cannot."""
        if not self._functions.is_dir():
            raise InvalidRequest(f"there is no folder {self._functions}: set CATNAP_FUNCTIONS")
        await asyncio.gather(*(self.refresh(folder) for folder in self._folders()))
        self._loaded = True

    async def collect(self, named: Iterable[Path] = ()) -> None:
        """Removes the images and environments that earlier processes left and
        nothing names now. To be called after `load`, and before edits are
        taken up: what is being built would be taken for left behind.

        named: images of revisions that can be gone back to.
        """
        await asyncio.to_thread(self._collect, {*self._built, *named})

    def _collect(self, images: set[Path]) -> None:
        kept = {path.name for path in images}
        leftovers.remove(self._home / "images", kept)
        # Of a skill that cannot be served too: it is mended in a moment, and
        # an environment is long in the making.
        sources = {*images, *self._folders()}
        named = set()
        for source in sources:
            with contextlib.suppress(InvalidRequest, OSError):
                named.add(environment.lock_hash(source))
        leftovers.remove(self._home / "environments", named - {""})

    def _folders(self) -> list[Path]:
        return sorted(path.parent for path in self._functions.glob("*/skill.toml"))

    async def refresh(self, folder: Path) -> None:
        """Takes a folder as it is now; does nothing if nothing changed, or if
        the skill was deleted. What is wrong with it is announced."""
        async with self._refreshing[folder.name]:
            with contextlib.suppress(CatnapError):
                if not (folder / "skill.toml").is_file():
                    self._withdrawn.discard(folder.name)
                    await self._told(folder.name, self._remove(folder.name))
                elif folder.name not in self._withdrawn:
                    await self._told(folder.name, self._refresh(folder))

    async def deploy(self, name: str) -> None:
        """Takes a skill's folder as it is now; one that was deleted is served
        again. Raises NotFound, or what is wrong with it, and then the one that
        runs stays."""
        known = {folder.name: folder for folder in self._folders()}
        if name not in known:
            raise unknown(name, known)
        async with self._refreshing[name]:
            await self._told(name, self._refresh(known[name]))
            self._withdrawn.discard(name)

    async def delete(self, name: str) -> None:
        """Serves a skill to nobody until it is deployed again; what is at work
        is finished. Raises NotFound."""
        async with self._refreshing[name]:
            if name not in self._skills and name not in self._problems:
                self._newest(name)
            await self._remove(name)
            self._withdrawn.add(name)

    async def _told(self, name: str, work: Awaitable[None]) -> None:
        """What comes of a change, and remembers and announces why not."""
        try:
            await work
        except CatnapError as error:
            self._refused(name, error.message)
            raise
        except Exception as error:
            _log.exception("skill %s could not be taken up", name)
            message = f"{type(error).__name__}: {error}"
            self._refused(name, message)
            raise Unavailable(f"skill {name!r} could not be taken up: {message}") from error

    async def _refresh(self, folder: Path) -> None:
        digest = await asyncio.to_thread(images.digest, folder)
        if self._seen.get(folder.name) == digest:
            return
        self._seen[folder.name] = digest
        known = self._skills.get(folder.name)
        await self.take(await self._build(folder))
        if known or self._loaded:
            self._announce(f"{folder.name}: {self._news(folder.name)}")

    def _news(self, name: str) -> str:
        """Who is served by the newest revision. Traffic that was pinned to
        others stays there."""
        newest = self._skills[name].tenants
        names = ", ".join(sorted(set(newest.values())))
        stay = [
            share.revision
            for status in self._platform.status()
            if status.service == name and status.namespace in newest
            if not any(s.revision == newest[status.namespace] and s.percent for s in status.shares)
            for share in status.shares
            if share.percent
        ]
        if stay:
            there = ", ".join(dict.fromkeys(stay))
            return f"{names} is ready, traffic stays at {there}: `catnap traffic {name} --latest`"
        return f"now {names or 'a new revision'}"

    async def take(self, deployed: Built) -> None:
        """Serves a skill from now on, to whoever was served an older one too.

        Raises InvalidRequest where the platform does not run it, and then
        the older one stays.
        """
        name = deployed.manifest.name
        async with self._applying[name]:
            known = self._skills.get(name)
            for tenant in {*self._tenants, *(known.tenants if known else ())}:
                deployed.tenants[tenant] = await self._apply(deployed, tenant)
            self._skills[name] = deployed
            self._problems.pop(name, None)
            for tenant in deployed.tenants:
                await self._pin(name, tenant)

    async def revision(self, name: str, tenant: str) -> str:
        revision = self._newest(name).tenants.get(tenant)
        if revision is not None:
            return revision
        async with self._applying[name]:
            deployed = self._newest(name)
            if tenant not in deployed.tenants:
                deployed.tenants[tenant] = await self._apply(deployed, tenant)
                await self._pin(name, tenant)
            return deployed.tenants[tenant]

    async def route(
        self, tenant: str, name: str, targets: Sequence[Target], version: str = ""
    ) -> None:
        """Sends a tenant's calls of a skill where the targets say. version: of
        the traffic that this is instead of, any if empty. Raises as `get`,
        InvalidRequest for a revision that there is not, and Conflict where the
        traffic is another by now."""
        await self.revision(name, tenant)
        async with self._applying[name]:
            if version and version != self._version(tenant, name):
                raise Conflict(
                    f"somebody else has changed the traffic of {name!r} meanwhile: look at it "
                    "again, then change it"
                )
            await self._platform.route(tenant, name, targets)
            await self._pin(name, tenant)

    def _version(self, tenant: str, name: str) -> str:
        return next(
            traffic.version(each.traffic)
            for each in self._platform.snapshot()
            if (each.tenant, each.name) == (tenant, name)
        )

    async def _pin(self, name: str, tenant: str) -> None:
        """Has the manifest of the revision count that most calls go to."""
        self._pinned.pop((tenant, name), None)
        reference = next(
            each.image
            for each in self._platform.status()
            if (each.namespace, each.service) == (tenant, name)
        )
        newest = self._skills[name]
        if reference != newest.image.reference:
            image = Image(reference, images.find(reference, self._home))
            source = await again(image, self._home)
            self._pinned[tenant, name] = Deployed(
                manifest=source.manifest, description=source.description
            )

    async def _apply(self, deployed: Built, tenant: str) -> str:
        image = deployed.image.reference
        return await self._platform.apply(service(deployed.manifest, image=image, namespace=tenant))

    def _refused(self, name: str, message: str) -> None:
        """Tried again at the next change, whatever it is: what was missing
        may be there by then."""
        self._seen.pop(name, None)
        if self._problems.get(name) == message:
            return
        self._problems[name] = message
        known = self._skills.get(name)
        if known:
            self._skills[name] = replace(known, problem=message)
            for key in [each for each in self._pinned if each[1] == name]:
                self._pinned[key] = replace(self._pinned[key], problem=message)
            self._announce(f"{name}: not taken up, the running one stays: {message}")
        else:
            self._announce(f"{name}: cannot be served: {message}")

    async def _remove(self, name: str) -> None:
        self._seen.pop(name, None)
        self._problems.pop(name, None)
        async with self._applying[name]:
            gone = self._skills.get(name)
            if gone is None:
                return
            for tenant in list(gone.tenants):
                with contextlib.suppress(NotFound):
                    await self._platform.delete(tenant, name)
                self._pinned.pop((tenant, name), None)
                del gone.tenants[tenant]
            del self._skills[name]
        self._announce(f"{name}: removed; what is at work is finished")

    async def _build(self, folder: Path) -> Built:
        source = await load(folder, self._home, self._announce)
        self._built.add(source.image.path)
        return Built(manifest=source.manifest, description=source.description, image=source.image)
