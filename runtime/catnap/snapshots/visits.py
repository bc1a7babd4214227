"""Which folders are at work here, and when each is kept.

After each call the folder is looked at, behind the answer, and the next call
that wants it waits for that. So a snapshot is of a moment between two calls,
unless they overlap.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

from catnap.errors import CatnapError, Conflict
from catnap.snapshots.capture import Index
from catnap.snapshots.removal import remove

IDLE = 900.0
"""Seconds without a call after which a folder is taken away. It comes back with
the next call."""

_log = logging.getLogger(__name__)


class Head(Protocol):
    """The right to write one workspace, as long as its epoch lasts. All raise
    Unavailable, and Conflict where the epoch is over."""

    async def snapshot(self, folder: Path, before: Index, *, at_rest: bool) -> Index:
        """Keeps what the folder holds, and has the head say so. at_rest: no call
        is at work there. Raises ResourceExhausted and OSError too."""
        ...

    async def sweep(self) -> None:
        """Removes what snapshots have left that never came to their end."""
        ...

    async def rest(self) -> None:
        """No call is at work, and nothing is left to be kept."""
        ...


K = TypeVar("K", bound=Hashable)
H = TypeVar("H", bound=Head)


@dataclass(eq=False, slots=True)
class Visit(Generic[K, H]):
    """A folder at work. key: whose. since: when its last call ended. calls: at
    work. dirty: something may have changed since the last snapshot. broken: its
    last call was broken off. lost: another epoch has begun elsewhere. swept:
    what broken-off snapshots left is gone."""

    key: K
    head: H
    index: Index
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

    async def keep(self) -> bool:
        """Takes a snapshot where one is due; whether nothing was in the way.
        With the folder's lock."""
        if self.lost:
            return True
        due, self.dirty = self.dirty, False
        try:
            if due:
                # Who removes the folder itself has emptied it.
                self.folder.mkdir(mode=0o700, exist_ok=True)
                at_rest = not self.calls
                self.index = await self.head.snapshot(self.folder, self.index, at_rest=at_rest)
                if not self.swept:
                    await self.head.sweep()
                    self.swept = True
            elif not self.calls:
                await self.head.rest()
        except Conflict:
            self.lost = True
        except (CatnapError, OSError) as error:
            self.dirty |= due
            _log.warning("%s is not kept: %s", self.key, error)
            return False
        except BaseException:
            self.dirty |= due
            raise
        return True


class Visits(Generic[K, H]):
    """Those of one process. clock: seconds. idle: after so many of them without
    a call a folder is taken away."""

    def __init__(self, clock: Callable[[], float], idle: float = IDLE) -> None:
        self._clock = clock
        self._idle = idle
        self._visits: OrderedDict[K, Visit[K, H]] = OrderedDict()
        """The one that was quiet longest is first."""
        self._locks: WeakValueDictionary[K, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[Visit[K, H]]:
        return iter(list(self._visits.values()))

    def get(self, key: K) -> Visit[K, H] | None:
        return self._visits.get(key)

    def lock(self, key: K) -> asyncio.Lock:
        """Who has it may change whose the folder is, and what is kept of it."""
        return self._locks.setdefault(key, asyncio.Lock())

    def begin(self, key: K, head: H, index: Index, folder: Path) -> Visit[K, H]:
        visit = self._visits[key] = Visit(key, head, index, folder, self._clock())
        return visit

    def leave(self, visit: Visit[K, H], *, whole: bool) -> None:
        """A call has ended. whole: it was not broken off in the middle."""
        visit.calls -= 1
        visit.since = self._clock()
        visit.dirty |= whole
        visit.broken = not whole
        if self._is_here(visit):
            self._visits.move_to_end(visit.key)
            self.start(self.keep(visit))
        else:
            self._clear(visit)
        self.expire()

    async def keep(self, visit: Visit[K, H], *, leaves: bool = False) -> None:
        """Once it is its turn. leaves: the folder is taken away then, unless a
        call has come."""
        async with self.lock(visit.key):
            kept = await visit.keep()
            if leaves and kept and not visit.calls:
                self.drop(visit)

    def expire(self) -> None:
        """Takes away what was quiet for too long, once it is kept."""
        now = self._clock()
        for visit in self:
            if visit.since + self._idle > now:
                break
            if visit.calls:
                continue
            visit.since = now
            self._visits.move_to_end(visit.key)
            visit.dirty = True
            self.start(self.keep(visit, leaves=True))

    def drop(self, visit: Visit[K, H]) -> None:
        """Takes it away; its folder goes with the last of its calls."""
        if self._is_here(visit):
            del self._visits[visit.key]
            self._clear(visit)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def settle(self) -> None:
        """Returns when all that was begun has ended."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _is_here(self, visit: Visit[K, H]) -> bool:
        return self._visits.get(visit.key) is visit

    def _clear(self, visit: Visit[K, H]) -> None:
        if not visit.calls:
            self.start(asyncio.to_thread(remove, visit.folder))
