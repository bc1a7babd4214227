"""What is bounded over all that share a revision: its instances, the calls that
wait for one, and when the next may start."""

from __future__ import annotations

from typing import Protocol

from catnap.errors import Unavailable
from catnap.services.backoff import Backoff
from catnap.services.instance import Instance
from catnap.skills.manifest import Scale

QUEUE = Scale().queue
"""Calls that may wait for a revision."""


class Sharer(Protocol):
    """A pool, as far as its room goes."""

    instances: list[Instance]

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
    one share has to end before calls of another can have its place.
    """

    def __init__(self, max: int, queue: int = QUEUE) -> None:  # noqa: A002
        self.backoff = Backoff()
        self._max = max
        self._queue = queue
        self._pools: list[Sharer] = []
        self._short: dict[int, Sharer] = {}

    def join(self, pool: Sharer) -> None:
        self._pools.append(pool)

    def leave(self, pool: Sharer) -> None:
        self._pools.remove(pool)
        self._short.pop(id(pool), None)

    def admit(self, name: str) -> None:
        """Another call may wait. Raises Unavailable where too many do."""
        waiting = sum(pool.waiting for pool in self._pools)
        if waiting >= self._queue:
            raise Unavailable(f"{waiting:,} calls wait for {name} already", retry_after=1)

    def grant(self, pool: Sharer, wanted: int) -> int:
        """How many of `wanted` more may be started now. A pool that gets
        fewer is asked to scale up again when there is room."""
        if not self._max:
            return wanted
        alive = sum(each.alive for sharer in self._pools for each in sharer.instances)
        granted = max(0, min(wanted, self._max - alive))
        for sharer in self._pools if pool.waiting else ():
            if sharer is not pool and granted < wanted:
                granted += sharer.spare(wanted - granted)
        if granted < wanted:
            self._short[id(pool)] = pool
        return granted

    def freed(self) -> None:
        """There may be room: an instance is idle, or has ended."""
        short, self._short = self._short, {}
        for pool in short.values():
            pool.scale_up()
