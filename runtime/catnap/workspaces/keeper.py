"""Whose folder is at which instance of this machine, and when it is kept.

After each call the folder is looked at, behind the answer: the session's next
call waits for that, at whichever instance it is. So a snapshot is of a moment
between two calls, unless they overlap.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from catnap.errors import CatnapError, Conflict, Unavailable
from catnap.services.local.keeping import Visit as AnyVisit
from catnap.services.local.removal import remove
from catnap.services.platform import Route
from catnap.workspaces.capture import Index
from catnap.workspaces.rows import Held, Workspace
from catnap.workspaces.workspaces import Workspaces

IDLE = 900.0
"""Seconds without a call after which a session's folder is taken away from its
instance. It comes back with the next call."""

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Visit:
    """dirty: something may have changed since the last snapshot. broken: its last
    call was broken off. lost: another epoch has begun elsewhere. swept: what
    broken-off snapshots left is gone."""

    held: Held
    index: Index
    instance: str
    folder: Path
    since: float
    calls: int = 0
    dirty: bool = False
    broken: bool = False
    lost: bool = False
    swept: bool = False

    @property
    def name(self) -> str:
        return self.folder.name


@dataclass(eq=False)
class _Lock:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


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
        self._clock = clock
        self._idle = idle
        self._folder = (home / "workspaces").resolve()
        self._new = self._folder / "new"
        """What is being restored, where no instance can reach it."""
        remove(self._folder)
        self._new.mkdir(mode=0o700, parents=True)
        self._rooms: dict[str, Path] = {}
        self._visits: OrderedDict[Workspace, Visit] = OrderedDict()
        """The one that was quiet longest is first."""
        self._locks: WeakValueDictionary[Workspace, _Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def room(self, instance: str) -> Path:
        room = self._folder / instance
        try:
            room.mkdir(mode=0o700)
        except OSError as error:
            raise Unavailable(f"no instance can start: {error}") from error
        self._rooms[instance] = room
        return room

    async def enter(self, route: Route, instance: str) -> Visit | None:
        user, _, session = route.session.partition("\0")
        workspace = Workspace(route.namespace, user, route.service, session)
        lock = self._locks.setdefault(workspace, _Lock())
        async with lock.lock:
            visit = self._visits.get(workspace)
            if visit is not None:
                await self._keep(visit)
                if visit.lost or visit.instance != instance:
                    await self._settle(visit)
                    self._drop(visit)
                    visit = None
            if visit is None:
                visit = await self._open(workspace, instance)
                if visit is None:
                    return None
            visit.calls += 1
            return visit

    def leave(self, visit: AnyVisit, *, whole: bool) -> None:
        assert isinstance(visit, Visit)
        visit.calls -= 1
        visit.since = self._clock()
        visit.dirty |= whole
        visit.broken = not whole
        if self._visits.get(visit.held.workspace) is visit:
            self._visits.move_to_end(visit.held.workspace)
            self._start(self._kept(visit))
        self._expire()

    def closed(self, instance: str, *, whole: bool) -> None:
        self._start(self._closed(instance, whole))

    def forget(self, workspace: Workspace) -> None:
        """Somebody else has changed it: its next call finds that."""
        visit = self._visits.get(workspace)
        if visit is not None:
            visit.lost = True

    async def close(self) -> None:
        """Waits until all that is to be kept is. The instances have ended."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(remove, self._folder)

    async def _open(self, workspace: Workspace, instance: str) -> Visit | None:
        room = self._rooms.get(instance)
        if room is None:
            return None
        held = await self._workspaces.claim(workspace)
        name = f"{workspace.id}.{held.epoch}"
        aside = self._new / name
        try:
            aside.mkdir(mode=0o700)
            index = await self._workspaces.restore(held, aside)
            if instance not in self._rooms:
                return None
            aside.rename(room / name)
        except OSError as error:
            raise Unavailable(f"{workspace} cannot be restored: {error}") from error
        finally:
            if aside.exists():
                await asyncio.to_thread(remove, aside)
        visit = Visit(held, index, instance, room / name, self._clock())
        self._visits[workspace] = visit
        return visit

    async def _settle(self, visit: Visit) -> None:
        """Before the session goes elsewhere. With the workspace's lock. Raises
        Unavailable where that would cost it what its last call did."""
        while visit.dirty and not visit.lost:
            if not await self._keep(visit):
                raise Unavailable(
                    f"{visit.held.workspace} cannot move to another instance yet: "
                    "what its last call did is not kept",
                    retry_after=1,
                )

    async def _keep(self, visit: Visit) -> bool:
        """Takes a snapshot where one is due; whether nothing was in the way.
        With the workspace's lock."""
        if not visit.dirty or visit.lost:
            return True
        visit.dirty = False
        try:
            # Who removes the folder itself has emptied it.
            visit.folder.mkdir(mode=0o700, exist_ok=True)
            visit.held, visit.index = await self._workspaces.snapshot(
                visit.held, visit.folder, visit.index
            )
            if not visit.swept:
                await self._workspaces.sweep(visit.held)
                visit.swept = True
        except Conflict:
            visit.lost = True
        except (CatnapError, OSError) as error:
            visit.dirty = True
            _log.warning("%s is not kept: %s", visit.held.workspace, error)
            return False
        except BaseException:
            visit.dirty = True
            raise
        return True

    async def _kept(self, visit: Visit, *, leaves: bool = False) -> None:
        workspace = visit.held.workspace
        lock = self._locks.setdefault(workspace, _Lock())
        async with lock.lock:
            await self._keep(visit)
            if leaves and not visit.calls:
                self._drop(visit)
                await asyncio.to_thread(remove, visit.folder)

    def _drop(self, visit: Visit) -> None:
        if self._visits.get(visit.held.workspace) is visit:
            del self._visits[visit.held.workspace]

    def _expire(self) -> None:
        now = self._clock()
        for visit in list(self._visits.values()):
            if visit.since + self._idle > now:
                break
            if visit.calls:
                continue
            visit.since = now
            visit.dirty = True
            self._start(self._kept(visit, leaves=True))

    async def _closed(self, instance: str, whole: bool) -> None:
        room = self._rooms.pop(instance, None)
        if room is None:
            return
        for visit in [each for each in self._visits.values() if each.instance == instance]:
            # What a call was in the middle of is not what the session was left as.
            visit.dirty |= whole or not (visit.calls or visit.broken)
            await self._kept(visit)
            self._drop(visit)
        await asyncio.to_thread(remove, room)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
