"""Calls that wait for a place at an instance."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from catnap.services.instance import Instance
from catnap.services.place import Place


@dataclass(eq=False, slots=True)
class Waiter:
    """`place` is there once there is room at an instance."""

    number: int
    session: str
    place: asyncio.Future[Place]


class Waiting:
    """First come, first served; but a session's calls wait for its instance,
    and let others pass meanwhile."""

    def __init__(self, home: Callable[[str], Instance | None], concurrency: int) -> None:
        """home: the instance that a session's calls go to. concurrency: calls
        that one may have at once, 0 for any number."""
        self.demand = 0
        """Calls that one instance more could serve. Those of a session share
        it, so its first ones start no more than they can meet at."""
        self._home = home
        self._concurrency = concurrency
        self._any: deque[Waiter] = deque()
        self._bound: defaultdict[Instance, deque[Waiter]] = defaultdict(deque)
        self._together: Counter[str] = Counter()
        """Calls in `_any` by session."""
        self._last = 0

    def __len__(self) -> int:
        return len(self._any) + sum(map(len, self._bound.values()))

    def add(self, session: str) -> Waiter:
        self._last += 1
        waiter = Waiter(self._last, session, asyncio.get_running_loop().create_future())
        home = self._home(session)
        if home is None:
            self._any.append(waiter)
            self._count(waiter)
        else:
            self._bound[home].append(waiter)
        return waiter

    def remove(self, waiter: Waiter) -> None:
        if waiter in self._any:
            self._any.remove(waiter)
            self._discount(waiter)
        for queue in self._bound.values():
            if waiter in queue:
                queue.remove(waiter)

    def next(self, instance: Instance) -> Waiter | None:
        """Who is to have a free place at this instance."""
        bound = self._bound.get(instance)
        while self._any and not (bound and bound[0].number < self._any[0].number):
            waiter = self._any.popleft()
            self._discount(waiter)
            home = self._home(waiter.session)
            if home is None or home is instance:
                return waiter
            self._bound[home].append(waiter)
        return bound.popleft() if bound else None

    def settled(self, session: str, instance: Instance) -> None:
        """The session is at home there: its other calls wait for that."""
        if session not in self._together:
            return
        for waiter in [each for each in self._any if each.session == session]:
            self._any.remove(waiter)
            self._discount(waiter)
            self._bound[instance].append(waiter)

    def wanted(self, instance: Instance) -> bool:
        """Whether anybody waits who might go there."""
        return bool(self._any or self._bound.get(instance))

    def forget(self, instance: Instance) -> None:
        """It takes no more calls: whoever waits for it may go to any."""
        bound = self._bound.pop(instance, None)
        if bound:
            self._any = deque(sorted((*bound, *self._any), key=lambda each: each.number))
            for waiter in bound:
                self._count(waiter)

    def drain(self) -> Iterator[Waiter]:
        """Everybody, in no order; nobody waits afterwards."""
        queues = [self._any, *self._bound.values()]
        self._any, self._bound = deque(), defaultdict(deque)
        self._together.clear()
        self.demand = 0
        for queue in queues:
            yield from queue

    def _count(self, waiter: Waiter) -> None:
        self._together[waiter.session] += 1
        self.demand += self._adds(waiter)

    def _discount(self, waiter: Waiter) -> None:
        self.demand -= self._adds(waiter)
        self._together[waiter.session] -= 1
        if not self._together[waiter.session]:
            del self._together[waiter.session]

    def _adds(self, waiter: Waiter) -> bool:
        alone = not waiter.session or not self._concurrency
        return alone or self._together[waiter.session] <= self._concurrency
