"""What is bounded over all that share a revision: its instances, the calls that
wait for one, and when the next may start."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from catnap.errors import Unavailable
from catnap.services.backoff import Backoff
from catnap.services.instance import Instance
from catnap.skills.manifest import Scale

QUEUE = Scale().queue
"""Calls that may wait for a revision."""


class Sharer(Protocol):
    """A pool, as far as its room goes."""

    @property
    def waiting(self) -> int:
        """Calls that wait."""
        ...

    def scale_up(self) -> None:
        """Starts what is wanted for the calls that wait."""
        ...

    def spare(self, count: int) -> int:
        """Ends so many instances that have nothing to do, if there are; says
        how many it were."""
        ...


class Room:
    """Says how many instances a pool may start. max 0: as many as it likes.
    queue: calls that may wait.

    Calls of different shares never meet in a process, so an idle instance of
    one share has to end before calls of another can have its place. There may
    be as many shares as users: nothing here asks all of them.
    """

    def __init__(self, max: int, queue: int = QUEUE) -> None:  # noqa: A002
        self.backoff = Backoff()
        self._max = max
        self._queue = queue
        self._waiting = 0
        self._taken: set[Instance] = set()
        """Those that take a place."""
        self._short: OrderedDict[Sharer, bool] = OrderedDict()
        """Pools that were granted less than they wanted, and whether it was
        anything; the first is to have the next place."""
        self._idle: OrderedDict[Sharer, None] = OrderedDict()
        """Pools that may have an idle instance: it shows when they are asked."""

    def leave(self, pool: Sharer) -> None:
        self._short.pop(pool, None)
        self._idle.pop(pool, None)

    def admit(self, name: str) -> None:
        """Another call may wait. Raises Unavailable where too many do."""
        if self._waiting >= self._queue:
            raise Unavailable(f"{self._waiting:,} calls wait for {name} already", retry_after=1)

    def grew(self, by: int) -> None:
        """So many calls more wait."""
        self._waiting += by

    def take(self, instance: Instance) -> None:
        """For one that was granted."""
        self._taken.add(instance)

    def give(self, instance: Instance) -> None:
        """Its place may be another's: it ends, or has ended."""
        self._taken.discard(instance)

    def grant(self, pool: Sharer, wanted: int) -> int:
        """How many of `wanted` more may be started now. A pool that gets
        fewer is asked to scale up again when there is room."""
        if not self._max:
            return wanted
        granted = max(0, min(wanted, self._max - len(self._taken)))
        if pool.waiting:
            granted += self._spared(pool, wanted - granted)
        if granted < wanted:
            self._short[pool] = granted > 0
        return granted

    def _spared(self, pool: Sharer, wanted: int) -> int:
        spared = 0
        for other in list(self._idle) if wanted else ():
            if spared == wanted:
                break
            if other is not pool:
                asked = wanted - spared
                given = other.spare(asked)
                spared += given
                if given < asked:
                    del self._idle[other]
                if other.waiting:
                    self._short.setdefault(other, True)  # it may need that again
        return spared

    def idle(self, pool: Sharer) -> None:
        """It has an instance without a call."""
        self._idle[pool] = None
        self.freed()

    def freed(self) -> None:
        """There may be room. Where there is too little for one that is short,
        there is none for those after it."""
        while self._short:
            pool, _ = self._short.popitem(last=False)
            pool.scale_up()
            if pool in self._short:
                self._short.move_to_end(pool, last=self._short[pool])
                return
