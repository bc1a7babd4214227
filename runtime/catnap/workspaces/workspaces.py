"""Workspaces over an object store: claimed, restored, snapshotted, looked at."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from catnap.errors import InvalidRequest, Unavailable
from catnap.files import ObjectStore, Stat
from catnap.snapshots import storing
from catnap.snapshots.bounds import Bounds
from catnap.snapshots.capture import Index
from catnap.snapshots.manifest import EMPTY, LONGEST, File, Manifest
from catnap.snapshots.packing import NAME, PACK, Sealed, opened
from catnap.snapshots.parallel import each, in_thread, these
from catnap.store import Database, Store
from catnap.workspaces import holders, rows
from catnap.workspaces.garbage import garbage
from catnap.workspaces.objects import Allowance, ItsObjects
from catnap.workspaces.rows import Held, Snapshot, Workspace
from catnap.workspaces.stock import Stock

_PAGE = 1000


class Workspaces:
    """Whether the caller may is decided before (access)."""

    def __init__(
        self,
        objects: ObjectStore,
        store: Store,
        bounds: Bounds = Bounds(),  # noqa: B008 (it is frozen)
        now: Callable[[], float] = time.time,
        allowance: Allowance | None = None,
    ) -> None:
        """store: with rows.TABLES. now: seconds since the epoch. allowance:
        where there is a limit."""
        self._objects = objects
        self._store = store
        self.bounds = bounds
        self._now = now
        self._allowance = allowance
        self.stock = Stock(bounds.size, self.size)

    # --- for who has the folder ------------------------------------------------

    async def claim(self, workspace: Workspace) -> Held:
        """Makes it the caller's; whoever had it before can keep nothing more."""
        return await self._store.run(lambda db: rows.claim(db, workspace, self._now()))

    async def take(
        self, workspace: Workspace, holder: str, epoch: int, seconds: float
    ) -> Held | None:
        """As holders.take has it, for so many seconds."""

        def take(db: Database) -> Held | None:
            now = self._now()
            return holders.take(db, workspace, holder, epoch, now, now + seconds)

        return await self._store.run(take)

    async def hold(self, workspace: Workspace, epoch: int, seconds: float) -> None:
        """As holders.hold has it, for so many seconds; 0: no longer."""
        until = self._now() + seconds if seconds else 0.0
        await self._store.run(lambda db: holders.hold(db, workspace, epoch, until))

    async def excuse(self, absence: float, seconds: float) -> None:
        """Whoever held something when nobody could be told so, for no longer
        than that absence, holds it for so many seconds from now on."""

        def excuse(db: Database) -> None:
            now = self._now()
            holders.excuse(db, now - absence, now, now + seconds)

        await self._store.run(excuse)

    async def held(self, workspace: Workspace, epoch: int) -> Held:
        """Raises Conflict where the epoch is over."""
        return await self._store.run(lambda db: rows.held(db, workspace, epoch))

    async def restore(self, held: Held, folder: Path) -> Index:
        """Makes the folder, which is new and empty and nobody else's yet, what
        the head says. Raises Unavailable, and OSError for the disk."""
        whole = EMPTY
        if held.head is not None:
            whole = await self.manifest(held.workspace, held.head)
        return await storing.restore(self.objects(held.workspace), whole, folder, self.bounds)

    async def snapshot(self, held: Held, folder: Path, before: Index) -> tuple[Held, Index]:
        """Keeps what the folder holds, if that is another than `before`, and
        moves the head there.

        Raises Conflict where somebody else has the workspace by now,
        ResourceExhausted where it holds or stores more than may be, Unavailable where the
        object store cannot be reached, and OSError for the disk.
        """
        index, packed = await storing.capture(
            self.objects(held.workspace), held.epoch, folder, before, self.bounds
        )
        if packed is not None:
            held = await self.commit(held, packed, index.manifest)
        return held, index

    async def accept(self, held: Held, packed: Sealed, seconds: float) -> Held:
        """As `commit`, of a manifest that somebody else has made. seconds: as
        `hold` has it. Raises InvalidRequest where it is none, and
        ResourceExhausted where it names more than may be."""
        try:
            whole = await storing.unpacked(packed.name, packed.content)
        except Unavailable as error:
            raise InvalidRequest(f"it is no manifest: {error.message}") from None
        packs = (NAME.fullmatch(pack.name) and pack.size <= PACK for pack in whole.packs)
        if not (all(packs) and await in_thread(lambda: whole.sound)):
            raise InvalidRequest(f"{packed.name} is no manifest: it names what there cannot be")
        entries = len(whole.files) + len(whole.folders) + len(whole.links)
        self.bounds.check("files, folders and links", entries, self.bounds.entries)
        self.bounds.check("objects", len(whole.packs), self.bounds.entries)
        self.bounds.check("bytes of content", sum(whole.live()), self.bounds.size)
        self.bounds.check("bytes in files, with their holes", whole.size, LONGEST)
        return await self.commit(held, packed, whole, seconds)

    async def commit(
        self, held: Held, packed: Sealed, whole: Manifest, seconds: float = 0.0
    ) -> Held:
        """Moves the head to a snapshot whose packs are stored. packed: its
        manifest's object. seconds: as `hold` has it. Raises Conflict."""
        await self.objects(held.workspace).put(packed)
        taken = Snapshot(0, packed.name, len(whole.files), whole.size, self._now())
        needed = frozenset((packed.name, *(pack.name for pack in whole.packs)))

        def commit(db: Database) -> tuple[Held, set[str], set[str]]:
            after = rows.commit(db, held, taken, needed)
            until = self._now() + seconds if seconds else 0.0
            holders.hold(db, held.workspace, held.epoch, until)
            return after, *rows.trim(db, after)

        after, dropped, kept = await self._store.run(commit)
        await self._remove(held.workspace, garbage(dropped, kept, held.epoch))
        return after

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
        packed = await self.objects(workspace).get(snapshot.manifest)
        return await storing.unpacked(snapshot.manifest, packed)

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
            packed = await self.objects(workspace).get(pack.name)
            content = await in_thread(opened, pack.name, packed, pack.size)
            yield content[chunk.at : chunk.at + chunk.size]
            place += chunk.size
        while place < file.size:
            zeros = bytes(min(PACK, file.size - place))
            yield zeros
            place += len(zeros)

    async def rewind(self, workspace: Workspace, number: int) -> Held:
        """Back to an earlier snapshot; what an instance has of the folder now
        is not kept. Raises NotFound."""
        return await self._store.run(lambda db: rows.rewind(db, workspace, number, self._now()))

    async def end(self, workspace: Workspace) -> None:
        """Forgets it with all that it holds. Raises NotFound."""
        epoch = await self._store.run(lambda db: rows.end(db, workspace))
        await self._clear(workspace, epoch)

    async def expire(self, before: float) -> int:
        """Ends those that nobody has used since then, in seconds since the
        epoch; how many."""
        ended = 0
        while found := await self._store.run(lambda db: rows.unused(db, before, self._now())):
            for workspace in found:
                ended += await self._expire(workspace, before)
        return ended

    async def _expire(self, workspace: Workspace, before: float) -> bool:
        epoch = await self._store.run(lambda db: rows.expire(db, workspace, before, self._now()))
        if epoch is not None:
            await self._clear(workspace, epoch)
        return epoch is not None

    async def _clear(self, workspace: Workspace, epoch: int) -> None:
        stored = [name async for name in self._stored(workspace)]
        await self._remove(workspace, garbage(stored, frozenset(), epoch))

    # --- its objects ------------------------------------------------------------------

    def objects(self, workspace: Workspace) -> ItsObjects:
        return ItsObjects(self._objects, workspace, self._allowance)

    async def _stored(self, workspace: Workspace) -> AsyncIterator[str]:
        async for stat in self._listed(workspace):
            yield stat.key.removeprefix(workspace.prefix)

    async def size(self, workspace: Workspace) -> int:
        """Bytes that lie in the store for it."""
        return sum([stat.size async for stat in self._listed(workspace)])

    async def _listed(self, workspace: Workspace) -> AsyncIterator[Stat]:
        after = ""
        while True:
            page = await self._objects.list(workspace.prefix, after=after, limit=_PAGE)
            for stat in page:
                yield stat
            if len(page) < _PAGE:
                return
            after = page[-1].key

    async def _remove(self, workspace: Workspace, names: list[str]) -> None:
        async def remove(name: str) -> None:
            await self._objects.delete(workspace.prefix + name)

        await each(remove, these(names), storing.PARALLEL)
