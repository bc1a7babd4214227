"""Calls that wait for a place at an instance."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass

from catnap.services.instance import Instance

MAX_SESSIONS = 10_000


@dataclass(eq=False, slots=True)
class Waiter:
    """`place` is the instance, once there is room at it."""

    number: int
    session: str
    place: asyncio.Future[Instance]


class Waiting:
    """First come, first served; but a session's calls wait for its instance,
    and let others pass meanwhile."""

    def __init__(self) -> None:
        self._any: deque[Waiter] = deque()
        self._bound: defaultdict[Instance, deque[Waiter]] = defaultdict(deque)
        self._sessions: dict[str, Instance] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._any) + sum(map(len, self._bound.values()))

    def add(self, session: str) -> Waiter:
        self._last += 1
        waiter = Waiter(self._last, session, asyncio.get_running_loop().create_future())
        home = self.home(session)
        (self._any if home is None else self._bound[home]).append(waiter)
        return waiter

    def remove(self, waiter: Waiter) -> None:
        for queue in (self._any, *self._bound.values()):
            if waiter in queue:
                queue.remove(waiter)

    def next(self, instance: Instance) -> Waiter | None:
        """Who is to have a free place at this instance."""
        bound = self._bound.get(instance)
        while self._any and not (bound and bound[0].number < self._any[0].number):
            waiter = self._any.popleft()
            home = self.home(waiter.session)
            if home is None or home is instance:
                return waiter
            self._bound[home].append(waiter)
        return bound.popleft() if bound else None

    def wanted(self, instance: Instance) -> bool:
        """Whether anybody waits who might go there."""
        return bool(self._any or self._bound.get(instance))

    def home(self, session: str) -> Instance | None:
        """The instance that a session's calls go to while it lives."""
        found = self._sessions.get(session)
        return found if found is not None and found.alive else None

    def settle(self, session: str, instance: Instance) -> None:
        """Makes an instance a session's home. Of too many, the one that was
        quiet longest is forgotten."""
        self._sessions.pop(session, None)
        self._sessions[session] = instance
        if len(self._sessions) > MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]

    def forget(self, instance: Instance) -> None:
        """It takes no more calls: its sessions have no home any more."""
        for session in [s for s, home in self._sessions.items() if home is instance]:
            del self._sessions[session]
        bound = self._bound.pop(instance, None)
        if bound:
            self._any = deque(sorted((*bound, *self._any), key=lambda each: each.number))

    def drain(self) -> Iterator[Waiter]:
        """Everybody, in no order; nobody waits afterwards."""
        queues = [self._any, *self._bound.values()]
        self._any, self._bound = deque(), defaultdict(deque)
        for queue in queues:
            yield from queue
