"""Workspaces over an object store: claimed, restored, snapshotted, looked at."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from catnap.errors import NotFound, Unavailable
from catnap.files import ObjectStore
from catnap.store import Database, Store
from catnap.workspaces import manifest as manifests
from catnap.workspaces import rows
from catnap.workspaces.beneath import FOLDER
from catnap.workspaces.bounds import Bounds
from catnap.workspaces.capture import Capture, Index, index
from catnap.workspaces.garbage import garbage
from catnap.workspaces.manifest import EMPTY, File, Manifest
from catnap.workspaces.packing import PACK, Sealed, opened, sealed
from catnap.workspaces.parallel import each, in_thread, stepped, these
from catnap.workspaces.restore import Restore
from catnap.workspaces.rows import Held, Snapshot, Workspace
from catnap.workspaces.scan import scan

PARALLEL = 4
"""Objects on their way at once; each is in memory as a whole."""

_TYPE = "application/octet-stream"
_MANIFEST = 256 << 20
"""Bytes of the largest manifest."""
_PAGE = 1000


class Workspaces:
    """Whether the caller may is decided before (access)."""

    def __init__(
        self,
        objects: ObjectStore,
        store: Store,
        bounds: Bounds = Bounds(),  # noqa: B008 (it is frozen)
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """store: with rows.TABLES. now: nanoseconds since the epoch, of the
        clock that files are dated by."""
        self._objects = objects
        self._store = store
        self._bounds = bounds
        self._now = now

    # --- for who has the folder ------------------------------------------------

    async def claim(self, workspace: Workspace) -> Held:
        """Makes it the caller's; whoever had it before can keep nothing more."""
        return await self._store.run(lambda db: rows.claim(db, workspace, self._seconds()))

    async def restore(self, held: Held, folder: Path) -> Index:
        """Makes the folder, which is new and empty and nobody else's yet, what
        the head says. Raises Unavailable, and OSError for the disk."""
        whole = EMPTY
        if held.head is not None:
            whole = await self.manifest(held.workspace, held.head)
        with _opened(folder) as root:
            restore = Restore(whole, root)
            await in_thread(restore.begin)

            async def fill(number: int) -> None:
                pack = whole.packs[number]
                content = await self._get(held.workspace, pack.name, pack.size)
                await in_thread(restore.fill, number, content)

            await each(fill, these(range(len(whole.packs))), PARALLEL)
            await in_thread(restore.finish)
            found = await in_thread(scan, root, self._bounds)
        return index(whole, found, self._now())

    async def snapshot(self, held: Held, folder: Path, before: Index) -> tuple[Held, Index]:
        """Keeps what the folder holds, if that is another than `before`, and
        moves the head there.

        Raises Conflict where somebody else has the workspace by now,
        ResourceExhausted where it holds more than may be, Unavailable where the
        object store cannot be reached, and OSError for the disk.
        """
        with _opened(folder) as root:
            capture = Capture(root, before, held.epoch, self._now(), self._bounds)
            put = partial(self._put, held.workspace)
            await each(put, stepped(capture.packs()), PARALLEL)
        if not capture.changed:
            return held, capture.index
        whole = capture.index.manifest
        encoded = await in_thread(manifests.encode, whole)
        packed = await in_thread(sealed, encoded, held.epoch)
        await put(packed)
        taken = Snapshot(0, packed.name, len(whole.files), whole.size, self._seconds())
        needed = frozenset((packed.name, *(pack.name for pack in whole.packs)))

        def commit(db: Database) -> tuple[Held, set[str], set[str]]:
            after = rows.commit(db, held, taken, needed)
            return after, *rows.trim(db, after)

        after, dropped, kept = await self._store.run(commit)
        await self._remove(held.workspace, garbage(dropped, kept, held.epoch))
        return after, capture.index

    async def sweep(self, held: Held) -> None:
        """Removes what snapshots have left that never came to their end. Not
        while this holder takes one. Raises Conflict."""
        stored = [name async for name in self._stored(held.workspace)]
        dropped, kept = await self._store.run(lambda db: rows.trim(db, held))
        await self._remove(held.workspace, garbage({*stored, *dropped}, kept, held.epoch))

    # --- for who looks at it -------------------------------------------------------

    async def find(
        self, tenant: str, user: str = "", session: str = "", skill: str = "", limit: int = 100
    ) -> list[Held]:
        """Those of a tenant, the last used first; empty names stand for any."""
        return await self._store.run(lambda db: rows.find(db, tenant, user, session, skill, limit))

    async def get(self, workspace: Workspace) -> Held:
        """Raises NotFound."""
        return await self._store.run(lambda db: rows.get(db, workspace))

    async def history(self, workspace: Workspace) -> list[Snapshot]:
        """Those it can go back to, the newest first."""
        return await self._store.run(lambda db: rows.history(db, workspace))

    async def manifest(self, workspace: Workspace, snapshot: Snapshot) -> Manifest:
        """What a snapshot holds. Raises Unavailable where it is damaged."""
        raw = await self._get(workspace, snapshot.manifest, _MANIFEST)
        try:
            return await in_thread(manifests.decode, raw)
        except msgspec.DecodeError as error:
            raise Unavailable(f"{workspace}: snapshot {snapshot.number}: {error}") from None

    async def content(
        self, workspace: Workspace, whole: Manifest, file: File
    ) -> AsyncIterator[bytes]:
        """One file's bytes, holes too."""
        place = 0
        for chunk in file.chunks:
            while place < chunk.place:
                zeros = bytes(min(PACK, chunk.place - place))
                yield zeros
                place += len(zeros)
            pack = whole.packs[chunk.pack]
            content = await self._get(workspace, pack.name, pack.size)
            yield content[chunk.at : chunk.at + chunk.size]
            place += chunk.size
        while place < file.size:
            zeros = bytes(min(PACK, file.size - place))
            yield zeros
            place += len(zeros)

    async def rewind(self, workspace: Workspace, number: int) -> Held:
        """Back to an earlier snapshot; what an instance has of the folder now
        is not kept. Raises NotFound."""
        return await self._store.run(lambda db: rows.rewind(db, workspace, number, self._seconds()))

    async def end(self, workspace: Workspace) -> None:
        """Forgets it with all that it holds. Raises NotFound."""
        epoch = await self._store.run(lambda db: rows.end(db, workspace))
        stored = [name async for name in self._stored(workspace)]
        await self._remove(workspace, garbage(stored, frozenset(), epoch))

    # --- its objects ------------------------------------------------------------------

    async def _put(self, workspace: Workspace, pack: Sealed) -> None:
        async def body() -> AsyncIterator[bytes]:
            yield pack.content

        await self._objects.put(workspace.prefix + pack.name, body(), content_type=_TYPE)

    async def _get(self, workspace: Workspace, name: str, most: int) -> bytes:
        try:
            _, content = await self._objects.get(workspace.prefix + name)
        except NotFound:
            raise Unavailable(f"{workspace} lacks its object {name}") from None
        packed = b"".join([part async for part in content])
        return await in_thread(opened, name, packed, most)

    async def _stored(self, workspace: Workspace) -> AsyncIterator[str]:
        prefix, after = workspace.prefix, ""
        while True:
            page = await self._objects.list(prefix, after=after, limit=_PAGE)
            for stat in page:
                yield stat.key.removeprefix(prefix)
            if len(page) < _PAGE:
                return
            after = page[-1].key

    async def _remove(self, workspace: Workspace, names: list[str]) -> None:
        async def remove(name: str) -> None:
            await self._objects.delete(workspace.prefix + name)

        await each(remove, these(names), PARALLEL)

    def _seconds(self) -> float:
        return self._now() / 1e9


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
