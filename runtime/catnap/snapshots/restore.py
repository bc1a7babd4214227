"""From a snapshot to a folder.

The folder is new and empty and nobody else's yet: whatever is in the way is an
error. The packs may come in any order.
"""

from __future__ import annotations

import os
from collections import defaultdict

from catnap.errors import Unavailable
from catnap.snapshots.beneath import parent
from catnap.snapshots.manifest import Chunk, Manifest

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_THERE = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_OURS = 0o700
"""What we need in a folder to fill it, and to remove it later."""


class Restore:
    """One folder in the making. Every method blocks; `fill` may run in several
    threads. root: its descriptor. Raises OSError where the disk does not take
    it, and Unavailable where the snapshot cannot be put there."""

    def __init__(self, manifest: Manifest, root: int) -> None:
        self._manifest = manifest
        self._root = root
        self._slices: defaultdict[int, list[tuple[bytes, Chunk]]] = defaultdict(list)
        for file in manifest.files:
            for chunk in file.chunks:
                self._slices[chunk.pack].append((file.path, chunk))

    def begin(self) -> None:
        """Makes every folder, link and file; the files are all zeros."""
        try:
            for folder in self._manifest.folders:
                with parent(self._root, folder.path) as (where, name):
                    os.mkdir(name, _OURS, dir_fd=where)
            for file in self._manifest.files:
                with parent(self._root, file.path) as (where, name):
                    descriptor = os.open(name, _NEW, 0o600, dir_fd=where)
                try:
                    os.ftruncate(descriptor, file.size)
                finally:
                    os.close(descriptor)
            for link in self._manifest.links:
                with parent(self._root, link.path) as (where, name):
                    os.symlink(link.target, name, dir_fd=where)
        except FileExistsError as error:
            raise Unavailable(
                f"the workspace holds two names that are one here ({error.filename!r}): "
                "this file system does not tell upper from lower case"
            ) from None

    def fill(self, pack: int, content: bytes) -> None:
        """Writes what the files have of that pack."""
        view = memoryview(content)
        for path, chunk in self._slices[pack]:
            piece = view[chunk.at : chunk.at + chunk.size]
            with parent(self._root, path) as (where, name):
                descriptor = os.open(name, _THERE, dir_fd=where)
            try:
                place = chunk.place
                while piece:
                    written = os.pwrite(descriptor, piece, place)
                    piece, place = piece[written:], place + written
            finally:
                os.close(descriptor)

    def finish(self) -> None:
        """Gives everything its mode, and files their time."""
        for file in self._manifest.files:
            with parent(self._root, file.path) as (where, name):
                descriptor = os.open(name, _THERE, dir_fd=where)
            try:
                os.utime(descriptor, ns=(file.modified, file.modified))
                os.fchmod(descriptor, file.mode)
            finally:
                os.close(descriptor)
        for folder in reversed(self._manifest.folders):
            with parent(self._root, folder.path) as (where, name):
                os.chmod(name, folder.mode | _OURS, dir_fd=where)
