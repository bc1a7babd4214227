"""Where each session is at home: at a revision, and at an instance of it.

Pure: time is an argument. What a call costs here is the same for one session
and for all that fit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Hashable
from dataclasses import dataclass
from itertools import takewhile
from math import inf
from typing import Generic, TypeAlias, TypeVar

IDLE = 900.0
"""Seconds without a call after which a session is a new one again."""

DRAIN = 30.0
"""Seconds that a session whose calls overlap without end stays at what drains.
Source: Knative's queue-proxy, which drains for so long."""

MAX_SESSIONS = 10_000

Session: TypeAlias = str | tuple[str, str]
"""Whose calls share a home: those of a session that go where the traffic does;
or, with the revision's name, those that name one where the session is not."""

Instance = TypeVar("Instance", bound=Hashable)


@dataclass(eq=False, slots=True)
class Entry(Generic[Instance]):
    """A session's time at one place; only its table changes it.

    instance: None before its first call there, and after the instance is lost.
    since: when it came, or its last call ended. idle: seconds, as IDLE. calls:
    how many are at work there. leaves, departs: from when on its new calls go
    elsewhere though some are at work, because its instance is to end, or its
    revision gets no traffic.
    """

    session: Session
    revision: str
    instance: Instance | None
    since: float
    idle: float
    calls: int = 0
    leaves: float = inf
    departs: float = inf

    def over(self, now: float) -> bool:
        """Whether it was quiet for too long."""
        return not self.calls and self.since + self.idle <= now


class Table(Generic[Instance]):
    """Of one service. A session has one home at most where the traffic goes;
    to lose the instance costs it its warmth, and it stays at its revision."""

    def __init__(self, most: int = MAX_SESSIONS) -> None:
        """most: sessions that are kept; of more, the one that was quiet
        longest is forgotten."""
        self._most = most
        self._quiet: OrderedDict[Session, Entry[Instance]] = OrderedDict()
        """The one that was quiet longest is first."""
        self._busy: dict[Session, Entry[Instance]] = {}
        self._at: dict[Instance, set[Entry[Instance]]] = {}
        self._least = inf
        """The shortest time that any session may be quiet."""

    def __len__(self) -> int:
        return len(self._quiet) + len(self._busy)

    def home(self, session: Session, now: float) -> Entry[Instance] | None:
        """Where its calls go; None for a new session."""
        entry = self._find(session)
        if entry is None:
            return None
        if entry.over(now):
            self._forget(entry)
            return None
        if now < min(entry.leaves, entry.departs):
            return entry
        return self._replace(entry, entry.revision, None, now, entry.idle)

    def at(self, session: str, revision: str, now: float) -> Session:
        """Whose home it is that a session's call to that revision has: the
        session's, where it is there; else one that takes it from nowhere."""
        home = self.home(session, now)
        return session if home and home.revision == revision else (session, revision)

    def assign(
        self, session: Session, revision: str, now: float, idle: float = IDLE
    ) -> Entry[Instance]:
        """Its calls go to that revision from now on, so that those which come
        before the first has found an instance go there too. idle: as IDLE."""
        entry = self.home(session, now)
        if entry is not None and entry.revision == revision:
            return entry
        return self._replace(entry or self._new(session, now), revision, None, now, idle)

    def move(
        self,
        session: Session,
        revision: str,
        instance: Instance | None,
        now: float,
        idle: float = IDLE,
    ) -> Entry[Instance]:
        """Its home is there from now on. instance: None for a revision alone.
        idle: as IDLE."""
        entry = self.home(session, now)
        if entry and (entry.revision, entry.instance) == (revision, instance):
            return entry
        before = entry or self._new(session, now)
        return self._replace(before, revision, instance, now, idle)

    def begin(
        self,
        session: Session,
        revision: str,
        instance: Instance,
        now: float,
        idle: float = IDLE,
        most: int = 0,
    ) -> Entry[Instance]:
        """A call of it goes to that instance, which is its home from now on.
        To be given back with `end`.

        idle: as IDLE. most: sessions that the instance may have, 0 for any
        number; of more, the one that was quiet longest there leaves, but none
        with a call at work.
        """
        entry = self.move(session, revision, instance, now, idle)
        if not entry.calls:
            del self._quiet[session]
            self._busy[session] = entry
        entry.calls += 1
        if most and self.count(instance) > most:
            self._displace(instance, now)
        return entry

    def end(self, entry: Entry[Instance], now: float) -> None:
        """A call has ended, wherever the session is at home by now."""
        entry.calls -= 1
        if entry.calls or self._find(entry.session) is not entry:
            return
        if entry.leaves < inf:
            self._replace(entry, entry.revision, None, now, entry.idle)
            return
        del self._busy[entry.session]
        self._quiet[entry.session] = entry
        entry.since, entry.departs = now, inf

    def drain(self, instance: Instance, now: float, until: float) -> None:
        """It is about to end. Sessions without a call at work leave at once,
        others when theirs have ended, or then."""
        for entry in list(self._at.get(instance, ())):
            if entry.calls:
                entry.leaves = min(entry.leaves, until)
            else:
                self._replace(entry, entry.revision, None, now, entry.idle)

    def stay(self, instance: Instance) -> None:
        """It is not to end after all."""
        for entry in self._at.get(instance, ()):
            entry.leaves = inf

    def depart(self, entry: Entry[Instance], until: float) -> None:
        """The traffic goes to other revisions: the session follows when its
        calls have ended, or then. inf where the revision has it again."""
        entry.departs = min(entry.departs, until) if until < inf else inf

    def lose(self, instance: Instance, now: float) -> None:
        """It takes no more calls, whatever it has at work."""
        for entry in list(self._at.get(instance, ())):
            self._replace(entry, entry.revision, None, now, entry.idle)

    def expire(self, now: float) -> None:
        """Forgets who was quiet for too long."""
        long = takewhile(lambda each: each.since + self._least <= now, self._quiet.values())
        for entry in [each for each in long if each.over(now)]:
            self._forget(entry)

    def count(self, instance: Instance) -> int:
        """Sessions that are at home there."""
        return len(self._at.get(instance, ()))

    def busy(self) -> Collection[Entry[Instance]]:
        """Of sessions with a call at work."""
        return self._busy.values()

    def _find(self, session: Session) -> Entry[Instance] | None:
        return self._busy.get(session) or self._quiet.get(session)

    def _new(self, session: Session, now: float) -> Entry[Instance]:
        if len(self) >= self._most:
            self._forget(next(iter((self._quiet or self._busy).values())))
        return Entry(session, "", None, now, IDLE)

    def _replace(
        self,
        before: Entry[Instance],
        revision: str,
        instance: Instance | None,
        now: float,
        idle: float,
    ) -> Entry[Instance]:
        """By an entry of its own: calls that are still at work where the
        session was do not count where it is."""
        since = now if before.calls else before.since
        after = Entry(before.session, revision, instance, since, idle)
        self._least = min(self._least, idle)
        self._leave(before)
        self._busy.pop(before.session, None)
        self._quiet[before.session] = after  # where it was in the order, if it was
        if instance is not None:
            self._at.setdefault(instance, set()).add(after)
        return after

    def _displace(self, instance: Instance, now: float) -> None:
        quiet = [entry for entry in self._at[instance] if not entry.calls]
        if quiet:
            oldest = min(quiet, key=lambda entry: entry.since)
            self._replace(oldest, oldest.revision, None, now, oldest.idle)

    def _forget(self, entry: Entry[Instance]) -> None:
        self._leave(entry)
        self._busy.pop(entry.session, None)
        self._quiet.pop(entry.session, None)

    def _leave(self, entry: Entry[Instance]) -> None:
        if entry.instance is None:
            return
        there = self._at[entry.instance]
        there.remove(entry)
        if not there:
            del self._at[entry.instance]
