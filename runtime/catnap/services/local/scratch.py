"""A folder for each instance to write to, as long as that lives."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from catnap.errors import Unavailable
from catnap.snapshots.removal import remove


class Scratch:
    """The folders of one platform. home: its state folder; their names are
    short there, since programs make sockets in them."""

    def __init__(self, home: Path) -> None:
        """Takes away what an earlier platform of this state has left."""
        self._folder = (home / "tmp").resolve()
        remove(self._folder)
        self._folder.mkdir(mode=0o700, parents=True)

    def make(self) -> Path:
        """A new one, empty. Raises Unavailable where the disk takes none."""
        try:
            return Path(tempfile.mkdtemp(dir=self._folder, prefix=""))
        except OSError as error:
            raise Unavailable(f"no instance can start: {error}") from error

    async def remove(self, made: Path) -> None:
        """What is in it goes too, as far as it is ours to remove."""
        await asyncio.to_thread(remove, made)

    def close(self) -> None:
        remove(self._folder)
