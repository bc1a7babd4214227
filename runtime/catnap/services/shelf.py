"""The images and environments of a state folder: made of skills' folders, and
removed once nothing needs them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from catnap.errors import InvalidRequest
from catnap.services import environment, images, leftovers
from catnap.services.catalog import Announce
from catnap.services.images import Image
from catnap.services.source import Source, again, load


class Shelf:
    def __init__(self, home: Path, announce: Announce) -> None:
        self._home = home
        self._announce = announce
        self._making = 0
        self._tidying = asyncio.Lock()

    @asynccontextmanager
    async def making(self) -> AsyncIterator[None]:
        """While something is made and until it is known to be needed, nothing
        is removed: it would be taken for left behind."""
        async with self._tidying:
            self._making += 1
        try:
            yield
        finally:
            self._making -= 1

    async def load(self, folder: Path) -> Source:
        """A skill's folder as it is now. Raises InvalidRequest."""
        return await load(folder, self._home, self._announce)

    async def again(self, reference: str) -> Source:
        """What an image was made of. Raises InvalidRequest where it is gone."""
        return await again(Image(reference, images.find(reference, self._home)), self._home)

    async def tidy(self, needed: Iterable[str], folders: Collection[Path]) -> None:
        """Removes all images but these, and the environments that neither they
        nor the folders ask for: one that cannot be served is mended in a
        moment, and an environment is long in the making. Does nothing while
        something is made; whoever makes it tidies up afterwards."""
        if self._making or self._tidying.locked():
            return
        async with self._tidying:
            await asyncio.to_thread(self._remove, set(needed), folders)

    def _remove(self, needed: set[str], folders: Iterable[Path]) -> None:
        found = []
        for reference in needed:
            with contextlib.suppress(InvalidRequest):  # somebody has removed it
                found.append(images.find(reference, self._home))
        leftovers.remove(self._home / "images", {path.name for path in found})
        named = set()
        for source in (*found, *folders):
            with contextlib.suppress(InvalidRequest, OSError):
                named.add(environment.lock_hash(source))
        leftovers.remove(self._home / "environments", named - {""})
