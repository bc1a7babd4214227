"""Who gets which place at the instances of a pool."""

from __future__ import annotations

import random
from collections.abc import Callable

from catnap.scaling.balance import Balance
from catnap.services.instance import Instance
from catnap.services.place import Place
from catnap.services.revision import Revision
from catnap.services.room import Room
from catnap.services.waiting import Waiting
from catnap.sessions import DRAIN, Session, Table, choose


class Places:
    """A call goes where its session is at home, else to an instance by the
    revision's load balancing, or waits until there is room."""

    def __init__(
        self,
        revision: Revision,
        instances: list[Instance],
        clock: Callable[[], float],
        sessions: Table[Instance],
        room: Room,
    ) -> None:
        """instances: those that there are at any time. sessions: of the whole
        service."""
        self.sessions = sessions
        self.taken = 0
        """Places that calls have now."""
        self._revision = revision
        self._instances = instances
        self._clock = clock
        self._room = room
        self._balance = Balance(revision.concurrency, random.Random())  # noqa: S311 - no secret
        self.waiting = Waiting(self._home, revision.concurrency, room.grew)

    @property
    def calls(self) -> int:
        """At work or waiting."""
        return self.taken + len(self.waiting)

    @property
    def demand(self) -> int:
        """Calls that could be at work at once, were there room for them."""
        return self.taken + self.waiting.demand

    def leading(self, session: str, nested: bool) -> Session:
        """Whose home decides where a call goes; empty where none does: a nested
        call must not wait for the place that its own caller holds."""
        if not session or not self._revision.affinity:
            return ""
        found = self.sessions.at(session, self._revision.name, self._clock())
        home = self._home(found) if nested else None
        return "" if home is not None and not self._has_room(home) else found

    def find(self, session: Session) -> Instance | None:
        """An instance with room, if nobody has to wait for it first. session:
        as `leading` gave it."""
        if not session:
            found = self._balance.choose(self._instances, self._is_open)
            return found or self._balance.choose(self._instances, self._has_room)
        home = self._home(session)
        if home is not None:
            return home if self._has_room(home) else None
        counts = {
            each.name: self.sessions.count(each)
            for each in self._instances
            if each.staying and each.ready
        }
        free = {each.name: each for each in self._instances if self._is_open(each)}
        most = self._revision.session_max
        return free.get(choose(session, counts, free, most=most) or "")

    def take(self, instance: Instance, session: Session) -> Place:
        instance.inflight += 1
        instance.served += 1
        self.taken += 1
        self._room.backoff.well()
        if not session:
            return Place(instance)
        now = self._clock()
        home, about = self.sessions.home(session, now), self._revision
        if home is not None and home.revision != about.name:
            return Place(instance)  # it has moved on while this call waited
        home = self.sessions.begin(
            session, about.name, instance, now, about.session_idle, about.session_max
        )
        self.waiting.settled(session, instance)
        return Place(instance, home)

    def give(self, place: Place) -> None:
        """Back, to whoever waits for it."""
        place.instance.inflight -= 1
        self.taken -= 1
        if place.home is not None:
            self.sessions.end(place.home, self._clock())
        self.serve()

    def serve(self) -> None:
        """Gives what room there is to those who wait."""
        while self.waiting:
            instance = self._balance.choose(
                self._instances, lambda each: self._has_room(each) and self.waiting.wanted(each)
            )
            if instance is None:
                return
            waiter = self.waiting.next(instance)
            if waiter is None or waiter.place.done():
                continue
            if self._home(waiter.session) is not instance:
                self.keep(instance)
            waiter.place.set_result(self.take(instance, waiter.session))

    def drain(self, instance: Instance) -> None:
        """It is to end when its calls have: its sessions leave it."""
        instance.surplus = True
        now = self._clock()
        self.sessions.drain(instance, now, now + DRAIN)

    def keep(self, instance: Instance) -> None:
        """It is to stay after all."""
        if instance.surplus:
            instance.surplus = False
            self.sessions.stay(instance)

    def lose(self, instance: Instance) -> None:
        """It takes no more calls: its sessions, and who waits for it, go elsewhere."""
        self.sessions.lose(instance, self._clock())
        self.waiting.forget(instance)

    def _home(self, session: Session) -> Instance | None:
        """The instance of ours that a session's calls go to while it lives."""
        entry = self.sessions.home(session, self._clock()) if session else None
        if entry is None or entry.revision != self._revision.name:
            return None
        found = entry.instance
        return found if found in self._instances and found.alive else None

    def _has_room(self, instance: Instance) -> bool:
        limit = self._revision.concurrency
        return instance.fit and (not limit or instance.inflight < limit)

    def _is_open(self, instance: Instance) -> bool:
        return not instance.surplus and self._has_room(instance)
