"""From a folder to the objects of its workspace, and back."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import msgspec

from catnap.errors import Unavailable
from catnap.snapshots import manifest as manifests
from catnap.snapshots.beneath import FOLDER
from catnap.snapshots.bounds import Bounds
from catnap.snapshots.capture import Capture, Index, index
from catnap.snapshots.manifest import LONGEST, Manifest
from catnap.snapshots.packing import Sealed, opened, sealed
from catnap.snapshots.parallel import each, in_thread, stepped, these
from catnap.snapshots.restore import Restore
from catnap.snapshots.scan import scan

PARALLEL = 4
"""Objects on their way at once; each is in memory as a whole."""

MANIFEST = 64 << 20
"""Bytes of the largest manifest."""


class Objects(Protocol):
    """Those of one workspace, by name. All raise Unavailable."""

    async def get(self, name: str) -> bytes: ...

    async def put(self, pack: Sealed) -> None: ...


async def unpacked(name: str, packed: bytes) -> Manifest:
    """A manifest, from its object. Raises Unavailable where it is damaged."""
    raw = await in_thread(opened, name, packed, MANIFEST)
    try:
        return await in_thread(manifests.decode, raw)
    except msgspec.DecodeError as error:
        raise Unavailable(f"the workspace's object {name} is damaged: {error}") from None


async def restore(objects: Objects, whole: Manifest, folder: Path, bounds: Bounds) -> Index:
    """Makes the folder, which is new and empty and nobody else's yet, what the
    manifest says. Raises Unavailable, and OSError for the disk."""
    with _opened(folder) as root:
        restoring = Restore(whole, root)
        await in_thread(restoring.begin)

        async def fill(number: int) -> None:
            pack = whole.packs[number]
            packed = await objects.get(pack.name)
            content = await in_thread(opened, pack.name, packed, pack.size)
            await in_thread(restoring.fill, number, content)

        await each(fill, these(range(len(whole.packs))), PARALLEL)
        await in_thread(restoring.finish)
        found = await in_thread(scan, root, bounds)
    return index(whole, found, time.time_ns())


async def capture(
    objects: Objects, epoch: int, folder: Path, before: Index, bounds: Bounds
) -> tuple[Index, Sealed | None]:
    """Stores what the folder holds and `before` lacks; gives what is known of it
    then, and its manifest, which is still to be stored: None where nothing changed.

    Raises ResourceExhausted where it holds more than may be, Unavailable where
    the objects cannot be stored, and OSError for the disk.
    """
    with _opened(folder) as root:
        taking = Capture(root, before, epoch, time.time_ns(), bounds)
        await each(objects.put, stepped(taking.packs()), PARALLEL)
    if not taking.changed:
        return taking.index, None
    encoded = await in_thread(manifests.encode, taking.index.manifest)
    bounds.check("bytes of names", len(encoded), MANIFEST)
    bounds.check("bytes in files, with their holes", taking.index.manifest.size, LONGEST)
    return taking.index, await in_thread(sealed, encoded, epoch)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
