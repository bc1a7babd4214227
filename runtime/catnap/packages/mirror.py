"""The index, each part of it read once for all who ask."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from catnap.errors import NotFound, Unavailable
from catnap.packages.address import Index
from catnap.packages.bounds import Bounds
from catnap.packages.metadata import Needs, parse_metadata, read_metadata
from catnap.packages.page import Page, Wheel, parse_page
from catnap.packages.shelf import Kept, Shelf
from catnap.packages.upstream import Upstream

T = TypeVar("T")
P = ParamSpec("P")

_THREADS = 8
_log = logging.getLogger(__name__)


class Mirror:
    """Raises NotFound for what the index does not have, and Unavailable where it
    is not reached and was not before, or is not as it has promised."""

    def __init__(
        self, index: Index, folder: Path, now: Callable[[], float], bounds: Bounds
    ) -> None:
        """folder: for what is kept, of this index and of others."""
        own = hashlib.sha256(index.url.encode()).hexdigest()[:16]
        self._index = index
        self._bounds = bounds
        self._now = now
        self._upstream = Upstream(index, bounds)
        self._shelf = Shelf(folder / own, bounds.kept)
        self._shelf.sweep()
        self._threads = ThreadPoolExecutor(_THREADS, "packages")
        self._needs: dict[str, dict[str, Needs]] = {}
        """What was read, by name and the wheel's sha256."""
        self._at_work: dict[str, asyncio.Task[Any]] = {}

    async def page(self, name: str) -> Page:
        """name: normalized, as in all here."""
        return await self._once(f"page {name}", lambda: self._page(name))

    async def metadata(self, name: str, wheel: Wheel) -> bytes:
        return await self._once(f"metadata {wheel.sha256}", lambda: self._metadata(name, wheel))

    async def wheel(self, wheel: Wheel) -> Path:
        """Its file, which may be removed as soon as another one is kept."""
        return await self._once(f"wheel {wheel.sha256}", lambda: self.run(self._wheel, wheel))

    def known(self, name: str) -> Iterable[Needs]:
        """What was read of a package, now or earlier. Blocking."""
        found = self._needs.get(name)
        if found is None:
            found = {}
            for version, sha256, content in self._shelf.all_metadata(name):
                try:
                    found[sha256] = parse_metadata(content, name, version)
                except Unavailable:
                    continue
            found = self._needs.setdefault(name, found)
        return list(found.values())

    async def run(self, work: Callable[P, T], /, *given: P.args, **named: P.kwargs) -> T:
        """In one of few threads: an index that does not answer must not take
        those that the gateway writes files with."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, lambda: work(*given, **named))

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _page(self, name: str) -> Page:
        kept = await self.run(self._shelf.page, name)
        if kept and 0 <= self._now() - kept.at < self._bounds.fresh:
            return kept.page
        try:
            return await self.run(self._fetch_page, name, kept)
        except Unavailable as error:
            if kept is None:
                raise
            _log.warning("the page of %s is the one kept before: %s", name, error.message)
            return kept.page

    def _fetch_page(self, name: str, kept: Kept | None) -> Page:
        document = self._upstream.page(name, kept.etag if kept else "")
        if document is not None:
            kept = Kept(parse_page(name, document, self._index), document.etag, self._now())
        elif kept is not None:
            kept = Kept(kept.page, kept.etag, self._now())
        else:
            raise Unavailable(f"the index answers for {name} that nothing has changed")
        self._shelf.keep_page(kept)
        return kept.page

    async def _metadata(self, name: str, wheel: Wheel) -> bytes:
        there = await self.run(self._shelf.metadata, name, wheel.version, wheel.sha256)
        if there is not None:
            return there
        content = await self._beside(wheel)
        if content is None:
            path = await self.wheel(wheel)
            content = await self.run(read_metadata, path, name, self._bounds.metadata)
        needs = parse_metadata(content, name, wheel.version)
        await self.run(self._shelf.keep_metadata, name, wheel.version, wheel.sha256, content)
        await self.run(self.known, name)  # what was kept before belongs to it
        self._needs[name][wheel.sha256] = needs
        return content

    async def _beside(self, wheel: Wheel) -> bytes | None:
        """The metadata that the index has itself: some say so of all wheels, and
        have it of some."""
        try:
            if wheel.metadata:
                return await self.run(self._upstream.metadata, wheel.url, wheel.metadata)
        except NotFound:
            pass
        return None

    def _wheel(self, wheel: Wheel) -> Path:
        return self._shelf.wheel(wheel.sha256) or self._shelf.keep_wheel(
            wheel.sha256, lambda file: self._upstream.wheel(wheel.url, wheel.sha256, file)
        )

    async def _once(self, what: str, work: Callable[[], Awaitable[T]]) -> T:
        """One at a time for all who ask; it goes on where one of them leaves."""
        task = self._at_work.get(what)
        if task is None:
            task = self._at_work[what] = asyncio.ensure_future(work())
            task.add_done_callback(lambda task: self._done(what, task))
        found: T = await asyncio.shield(task)
        return found

    def _done(self, what: str, task: asyncio.Task[Any]) -> None:
        del self._at_work[what]
        if not task.cancelled():
            task.exception()  # all who asked may have left
