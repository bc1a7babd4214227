"""Calls that wait for a place at an instance."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from catnap.services.instance import Instance
from catnap.services.place import Place
from catnap.sessions import Session


@dataclass(eq=False, slots=True)
class Waiter:
    """`place` is there once there is room: at `home`, or at any instance where
    that is None."""

    number: int
    session: Session
    place: asyncio.Future[Place]
    home: Instance | None = None


class Waiting:
    """First come, first served; but a session's calls wait for its instance,
    and let others pass meanwhile. Who comes, leaves or is served costs the same
    however many wait."""

    def __init__(
        self,
        home: Callable[[Session], Instance | None],
        concurrency: int,
        grew: Callable[[int], None],
    ) -> None:
        """home: the instance that a session's calls go to. concurrency: calls
        that one may have at once, 0 for any number. grew: told by how many."""
        self.demand = 0
        """Calls that one instance more could serve. Those of a session share
        it, so its first ones start no more than they can meet at."""
        self._home = home
        self._concurrency = concurrency
        self._grew = grew
        # All by number, the first first.
        self._any: OrderedDict[int, Waiter] = OrderedDict()
        self._at: defaultdict[Instance, OrderedDict[int, Waiter]] = defaultdict(OrderedDict)
        self._together: defaultdict[Session, dict[int, Waiter]] = defaultdict(dict)
        """Those in `_any` by session."""
        self._last = 0
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, session: Session) -> Waiter:
        self._last += 1
        waiter = Waiter(self._last, session, asyncio.get_running_loop().create_future())
        self._put(waiter, self._home(session))
        self._grow(1)
        return waiter

    def remove(self, waiter: Waiter) -> None:
        if self._pull(waiter):
            self._grow(-1)

    def next(self, instance: Instance) -> Waiter | None:
        """Who is to have a free place at this instance."""
        queue = self._at.get(instance)
        while self._any:
            waiter = next(iter(self._any.values()))
            if queue and next(iter(queue)) < waiter.number:
                break
            self._pull(waiter)
            home = self._home(waiter.session)
            if home is None or home is instance:
                self._grow(-1)
                return waiter
            self._put(waiter, home)
        if not queue:
            return None
        self._grow(-1)
        return queue.popitem(last=False)[1]

    def settled(self, session: Session, instance: Instance) -> None:
        """The session is at home there: its other calls wait for that."""
        for waiter in list(self._together.get(session, {}).values()):
            self._pull(waiter)
            self._put(waiter, instance)

    def wanted(self, instance: Instance) -> bool:
        """Whether anybody waits who might go there."""
        return bool(self._any or self._at.get(instance))

    def forget(self, instance: Instance) -> None:
        """It takes no more calls: whoever waits for it may go to any."""
        queue = self._at.pop(instance, None)
        if queue:
            before, self._any = self._any, OrderedDict()
            for waiter in queue.values():
                self._put(waiter, None)
            self._any = OrderedDict(sorted((*before.items(), *self._any.items())))

    def drain(self) -> list[Waiter]:
        """Everybody, in no order; nobody waits afterwards."""
        queues = [self._any, *self._at.values()]
        self._any, self._at = OrderedDict(), defaultdict(OrderedDict)
        self._together.clear()
        self.demand = 0
        self._grow(-self._size)
        return [waiter for queue in queues for waiter in queue.values()]

    def _grow(self, by: int) -> None:
        self._size += by
        self._grew(by)

    def _put(self, waiter: Waiter, home: Instance | None) -> None:
        waiter.home = home
        if home is not None:
            self._at[home][waiter.number] = waiter
            return
        self._any[waiter.number] = waiter
        if waiter.session:
            self._together[waiter.session][waiter.number] = waiter
        self.demand += self._adds(waiter)

    def _pull(self, waiter: Waiter) -> bool:
        """Takes it out of where it waits, if it does."""
        queue = self._any if waiter.home is None else self._at.get(waiter.home)
        if not queue or queue.pop(waiter.number, None) is None:
            return False
        if waiter.home is None:
            self.demand -= self._adds(waiter)
            if waiter.session:
                del self._together[waiter.session][waiter.number]
                if not self._together[waiter.session]:
                    del self._together[waiter.session]
        return True

    def _adds(self, waiter: Waiter) -> bool:
        alone = not waiter.session or not self._concurrency
        return alone or len(self._together[waiter.session]) <= self._concurrency
