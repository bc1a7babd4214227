"""Whose folder is at which instance of this machine, and when it is kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from catnap.errors import Unavailable
from catnap.services.local.keeping import Visit as AnyVisit
from catnap.services.platform import Route
from catnap.snapshots.removal import remove
from catnap.snapshots.visits import IDLE, Visit, Visits
from catnap.workspaces.head import OwnHead
from catnap.workspaces.rows import Workspace
from catnap.workspaces.workspaces import Workspaces


class Keeper:
    """services.local.keeping.Keeping for one platform."""

    def __init__(
        self,
        workspaces: Workspaces,
        home: Path,
        clock: Callable[[], float] = time.monotonic,
        idle: float = IDLE,
    ) -> None:
        """home: the state folder. What an earlier platform has left there was
        no call's end, and goes."""
        self._workspaces = workspaces
        self._folder = (home / "workspaces").resolve()
        self._new = self._folder / "new"
        """What is being restored, where no instance can reach it."""
        remove(self._folder)
        self._new.mkdir(mode=0o700, parents=True)
        self._rooms: dict[str, Path] = {}
        self._visits: Visits[Workspace, OwnHead] = Visits(clock, idle)

    def room(self, instance: str) -> Path:
        room = self._folder / instance
        try:
            room.mkdir(mode=0o700)
        except OSError as error:
            raise Unavailable(f"no instance can start: {error}") from error
        self._rooms[instance] = room
        return room

    async def enter(self, route: Route, instance: str) -> Visit[Workspace, OwnHead] | None:
        user, _, session = route.session.partition("\0")
        workspace = Workspace(route.namespace, user, route.service, session)
        async with self._visits.lock(workspace):
            visit = self._visits.get(workspace)
            if visit is not None:
                await visit.keep()
                if visit.lost or visit.folder.parent != self._rooms.get(instance):
                    await self._settle(visit)
                    self._visits.drop(visit)
                    visit = None
            if visit is None:
                visit = await self._open(workspace, instance)
                if visit is None:
                    return None
            visit.calls += 1
            return visit

    def leave(self, visit: AnyVisit, *, whole: bool) -> None:
        assert isinstance(visit, Visit)
        self._visits.leave(visit, whole=whole)

    def closed(self, instance: str, *, whole: bool) -> None:
        self._visits.start(self._closed(instance, whole))

    def forget(self, workspace: Workspace) -> None:
        """Somebody else has changed it: its next call finds that."""
        visit = self._visits.get(workspace)
        if visit is not None:
            visit.lost = True

    async def close(self) -> None:
        """Waits until all that is to be kept is. The instances have ended."""
        await self._visits.settle()
        await asyncio.to_thread(remove, self._folder)

    async def _open(self, workspace: Workspace, instance: str) -> Visit[Workspace, OwnHead] | None:
        room = self._rooms.get(instance)
        if room is None:
            return None
        held = await self._workspaces.claim(workspace)
        head = OwnHead(self._workspaces, held)
        name = f"{workspace.id}.{held.epoch}"
        aside = self._new / name
        try:
            aside.mkdir(mode=0o700)
            index = await head.restore(aside)
            if instance not in self._rooms:
                return None
            aside.rename(room / name)
        except OSError as error:
            raise Unavailable(f"{workspace} cannot be restored: {error}") from error
        finally:
            if aside.exists():
                await asyncio.to_thread(remove, aside)
        return self._visits.begin(workspace, head, index, room / name)

    async def _settle(self, visit: Visit[Workspace, OwnHead]) -> None:
        """Before the session goes elsewhere. With the workspace's lock. Raises
        Unavailable where that would cost it what its last call did."""
        while visit.dirty and not visit.lost:
            if not await visit.keep():
                raise Unavailable(
                    f"{visit.key} cannot move to another instance yet: "
                    "what its last call did is not kept",
                    retry_after=1,
                )

    async def _closed(self, instance: str, whole: bool) -> None:
        room = self._rooms.pop(instance, None)
        if room is None:
            return
        for visit in self._visits:
            if visit.folder.parent != room:
                continue
            # What a call was in the middle of is not what the session was left as.
            visit.dirty |= whole or not (visit.calls or visit.broken)
            await self._visits.keep(visit)
            self._visits.drop(visit)
        await asyncio.to_thread(remove, room)
