"""The pods of one revision, and how many of our calls each has at work.

Pure: nothing is sent here. Whatever a call costs is the same for one pod and
for a thousand, but for a new session's first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from catnap.http import Target

QUEUE = 10
"""Calls that wait in a queue-proxy, for each that may be at work at once.
Source: Knative Serving, pkg/queue/breaker.go."""


@dataclass(eq=False, slots=True)
class Pod:
    """target: where its queue-proxy listens. listed: whether the cluster says
    that it takes calls; one that does not may still have some at work."""

    name: str
    revision: str
    target: Target
    inflight: int = 0
    listed: bool = True
    place: int = -1
    """Its index among those that may have room; -1 where it has none."""


class Pods:
    """Hands out places. limit: calls that one may have at once, 0 for any
    number, None where that is not known yet: then nobody has room."""

    def __init__(self, limit: int | None = None) -> None:
        self._inflight = 0
        """Our calls at the pods there are."""
        self._relayed = 0
        """Calls that somebody else gives a place."""
        self._waiting: list[asyncio.Future[None]] = []
        self._limit = limit
        self._all: dict[str, Pod] = {}
        self._free: list[Pod] = []

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Pod]:
        return iter(self._all.values())

    @property
    def bounded(self) -> bool:
        """Whether calls at a pod may have to wait for others there."""
        return self._limit != 0

    @property
    def free(self) -> Sequence[Pod]:
        """Those that may have room."""
        return self._free

    @property
    def waiting(self) -> int:
        """How many more calls of ours there are than places: so many wait, here
        or at whoever gives them one."""
        if self._limit == 0 and self._all:
            return 0
        places = (self._limit or 0) * len(self._all)
        return max(0, self._inflight + self._relayed - places)

    def named(self, name: str) -> Pod | None:
        return self._all.get(name)

    def set_limit(self, limit: int | None) -> None:
        self._limit = limit
        for pod in self._all.values():
            self._sort(pod)

    def replace(self, revision: str, found: Mapping[str, Target]) -> list[Pod]:
        """Takes the pods as they are now; gives those that are gone."""
        gone = [pod for name, pod in self._all.items() if found.get(name) != pod.target]
        for pod in gone:
            self.lose(pod)
        for name, target in found.items():
            if name not in self._all:
                pod = self._all[name] = Pod(name, revision, target)
                self._sort(pod)
        self._tell()
        return gone

    def lose(self, pod: Pod) -> None:
        """It takes no more calls, whatever the cluster says of it yet."""
        if pod.listed:
            self._inflight -= pod.inflight
        pod.listed = False
        if self._all.get(pod.name) is pod:
            del self._all[pod.name]
        self._sort(pod)

    def take(
        self,
        home: Pod | None,
        chance: Callable[[], float],
        *,
        alone: bool = False,
        queue: bool = False,
    ) -> Pod | None:
        """A place at `home`, if it has room; else at the less busy of two
        random pods, or where that has none at the least busy one. None where
        no pod has room.

        chance: a number, 0 <= n < 1. alone: only where nobody else's calls
        can have taken the place, wherever they were sent. queue: rather wait
        in the home's own queue than go elsewhere.
        """
        if home is not None and self._all.get(home.name) is home and self._fits(home, alone, queue):
            pod = home
        elif not self._free:
            return None
        else:
            one, other = (self._free[int(chance() * len(self._free))] for _ in range(2))
            pod = one if one.inflight <= other.inflight else other
            if not self._has_room(pod, alone):
                # Not often: and who is told that there is none may wait for long.
                pod = min(self._free, key=lambda each: each.inflight)
                if not self._has_room(pod, alone):
                    return None
        pod.inflight += 1
        self._inflight += 1
        self._sort(pod)
        return pod

    def release(self, pod: Pod) -> None:
        """Gives a place back."""
        pod.inflight -= 1
        self._inflight -= pod.listed
        self._sort(pod)
        self._tell()

    def relay(self, calls: int) -> None:
        """So many more calls, or less, are given a place by somebody else."""
        self._relayed += calls
        self._tell()

    async def change(self) -> None:
        """Returns when there may be room where there was none."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def _tell(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()

    def _fits(self, home: Pod, alone: bool, queue: bool) -> bool:
        may_wait = queue and home.inflight < (self._limit or 0) * (1 + QUEUE)
        return may_wait or self._has_room(home, alone)

    def _has_room(self, pod: Pod, alone: bool) -> bool:
        if pod.place < 0 or not self._limit:
            return pod.place >= 0
        if alone or not self._relayed:
            return pod.inflight + self._relayed < self._limit
        # Others spread their calls evenly: a share of them is here. After a
        # burst calls must find the way straight here again.
        share = self._relayed // len(self._all)
        whole = self._inflight + self._relayed < self._limit * len(self._all)
        return whole and pod.inflight + share < self._limit

    def _sort(self, pod: Pod) -> None:
        """Among those that may have room, or not."""
        room = pod.listed and self._limit is not None
        room = room and (not self._limit or pod.inflight < self._limit)
        if room and pod.place < 0:
            pod.place = len(self._free)
            self._free.append(pod)
        elif not room and pod.place >= 0:
            last = self._free.pop()
            if last is not pod:
                self._free[pod.place] = last
                last.place = pod.place
            pod.place = -1
