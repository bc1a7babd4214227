"""The skills of a folder: read, built, described, and applied per tenant.

A skill that cannot be deployed never replaces the one that runs, nor the one
that ran before a restart; and one that was deleted stays away until it is
deployed again, whatever is edited.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from catnap.errors import CatnapError, InvalidRequest, NotFound, Unavailable
from catnap.services import images
from catnap.services.applied import Applied, Built, Keeper
from catnap.services.catalog import Announce, Deployed, unknown
from catnap.services.shelf import Shelf
from catnap.services.traffic import Target
from catnap.services.withdrawn import Withdrawn

_log = logging.getLogger(__name__)


class FolderCatalog:
    """A catalog: every tenant has every skill of the folder.

    tenants: those that every skill is applied for at once; others get it
    with their first call.
    """

    def __init__(
        self,
        functions: Path,
        home: Path,
        platform: Keeper,
        announce: Announce,
        tenants: Iterable[str] = (),
    ) -> None:
        self._platform = platform
        self._loaded = False
        self._functions = functions
        self._shelf = Shelf(home, announce)
        self._applied = Applied(platform, self._shelf, tenants)
        self._announce = announce
        self._problems: dict[str, str] = {}
        self._withdrawn = Withdrawn(home / "withdrawn.json")
        self._seen: dict[str, str] = {}
        """Digest of the newest source that was tried, by skill."""
        self._refreshing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def __len__(self) -> int:
        return len(self._applied)

    def of(self, tenant: str) -> Iterator[Deployed]:
        return iter([self.get(name, tenant) for name in self._applied])

    def get(self, name: str, tenant: str = "") -> Built:
        found = self._applied.get(name, tenant)
        if found is None:
            raise self._absent(name)
        return found

    def problems(self, tenant: str) -> Mapping[str, str]:
        return {**self._problems, **{name: f"it {_deleted(name)}" for name in self._withdrawn}}

    def _absent(self, name: str) -> CatnapError:
        if name in self._withdrawn:
            return NotFound(f"skill {name!r} {_deleted(name)}")
        if name in self._problems:
            return Unavailable(f"skill {name!r} cannot be served: {self._problems[name]}")
        return unknown(name, self._applied)

    async def load(self) -> None:
        """Deploys every skill of the folder; announces those it cannot."""
        if not self._functions.is_dir():
            raise InvalidRequest(f"there is no folder {self._functions}: set CATNAP_FUNCTIONS")
        folders = self._folders()
        for name in set(self._withdrawn) - {folder.name for folder in folders}:
            self._withdrawn.discard(name)
        await asyncio.gather(*(self.refresh(folder) for folder in folders))
        self._loaded = True
        await self.collect()

    async def collect(self) -> None:
        """Removes the images and environments that nothing needs any more,
        unless some are in the making."""
        folders = await asyncio.to_thread(self._folders)
        try:
            needed = self._platform.collect()
        except InvalidRequest as error:
            _log.warning("what nobody needs stays: %s", error.message)
            return
        await self._shelf.tidy(needed | self._applied.images(), folders)

    def _folders(self) -> list[Path]:
        return sorted(path.parent for path in self._functions.glob("*/skill.toml"))

    async def refresh(self, folder: Path) -> None:
        """Takes a folder as it is now; does nothing if nothing changed, or if
        the skill was deleted. What is wrong with it is announced."""
        async with self._changing(folder.name):
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
        async with self._changing(name):
            await self._told(name, self._refresh(known[name]))
            self._withdrawn.discard(name)

    async def delete(self, name: str) -> None:
        """Serves a skill to nobody until it is deployed again; what is at work
        is finished. Raises NotFound."""
        async with self._changing(name):
            if name not in self._applied and name not in self._problems:
                raise self._absent(name)
            self._withdrawn.add(name)
            await self._remove(name)

    @asynccontextmanager
    async def _changing(self, name: str) -> AsyncIterator[None]:
        """One change of a skill at a time. What it leaves over is removed."""
        async with self._refreshing[name], self._shelf.making():
            yield
        if self._loaded:
            await self.collect()

    async def _told(self, name: str, work: Awaitable[None]) -> None:
        """What comes of a change, and remembers and announces why not."""
        try:
            await work
        except CatnapError as error:
            await self._refused(name, error.message)
            raise
        except Exception as error:
            _log.exception("skill %s could not be taken up", name)
            message = f"{type(error).__name__}: {error}"
            await self._refused(name, message)
            raise Unavailable(f"skill {name!r} could not be taken up: {message}") from error

    async def _refresh(self, folder: Path) -> None:
        digest = await asyncio.to_thread(images.digest, folder)
        if self._seen.get(folder.name) == digest:
            return
        self._seen[folder.name] = digest
        known = folder.name in self._applied
        await self.take(Built.of(await self._shelf.load(folder)))
        if known or self._loaded:
            self._announce(f"{folder.name}: {self._applied.news(folder.name)}")

    async def take(self, deployed: Built) -> None:
        """Serves a skill from now on, to whoever was served an older one too.
        Raises InvalidRequest where the platform does not run it, and then the
        older one stays."""
        await self._applied.take(deployed)
        self._problems.pop(deployed.manifest.name, None)

    async def revision(self, name: str, tenant: str) -> str:
        revision = await self._applied.revision(name, tenant)
        if not revision:
            raise self._absent(name)
        return revision

    async def route(
        self, tenant: str, name: str, targets: Sequence[Target], version: str = ""
    ) -> None:
        """Sends a tenant's calls of a skill where the targets say. version: of
        the traffic that this is instead of, any if empty. Raises as `get`,
        NotFound where nothing runs for the tenant, InvalidRequest for a
        revision that there is not, and Conflict where the traffic is another
        by now."""
        self.get(name, tenant)
        await self._applied.route(tenant, name, targets, version)

    async def _refused(self, name: str, message: str) -> None:
        """Tried again at the next change, whatever it is: what was missing
        may be there by then."""
        self._seen.pop(name, None)
        if name in self._withdrawn:
            self._announce(f"{name}: stays deleted: {message}")
            return
        if name not in self._applied:
            await self._restore(name)
        if self._problems.get(name) == message:
            return
        self._problems[name] = message
        if name in self._applied:
            self._applied.blame(name, message)
            self._announce(f"{name}: not taken up, the running one stays: {message}")
        else:
            self._announce(f"{name}: cannot be served: {message}")

    async def _restore(self, name: str) -> None:
        """Serves what was served last, before a restart."""
        reference = self._platform.newest(name)
        if not reference:
            return
        try:
            await self.take(Built.of(await self._shelf.again(reference)))
        except CatnapError as error:
            _log.warning("nor can %s be served as it was before: %s", name, error.message)

    async def _remove(self, name: str) -> None:
        self._seen.pop(name, None)
        self._problems.pop(name, None)
        if await self._applied.remove(name):
            self._announce(f"{name}: removed; what is at work is finished")


def _deleted(name: str) -> str:
    return f"was deleted: `catnap deploy --here {name}` serves it"
