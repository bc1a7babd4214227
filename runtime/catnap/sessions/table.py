"""Where each session is at home: at a revision, and at an instance of it.

Pure: time is an argument. What a call costs here is the same for one session
and for all that fit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from math import inf
from types import MappingProxyType
from typing import Generic, TypeVar

IDLE = 900.0
"""Seconds without a call after which a session is a new one again."""

DRAIN = 30.0
"""Seconds that a session whose calls overlap without end stays at what drains.
Source: Knative's queue-proxy, which drains for so long."""

MAX_SESSIONS = 10_000

Instance = TypeVar("Instance", bound=Hashable)


@dataclass(eq=False, slots=True)
class Entry(Generic[Instance]):
    """A session's time at one place; only its table changes it.

    instance: None before its first call there, and after the instance is lost.
    epoch: one more with each new instance. calls: how many are at work there.
    expires: in the table's time, never while any is. leaves: from when on its
    new calls go elsewhere though some are at work.
    """

    session: str
    revision: str
    instance: Instance | None
    epoch: int
    calls: int = 0
    expires: float = inf
    leaves: float = inf


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[Instance]):
    """How many sessions there are, how many have calls at work, and how many
    each instance has. Those without an instance are at a revision still."""

    sessions: int = 0
    busy: int = 0
    instances: Mapping[Instance, int] = field(default_factory=dict)


class Table(Generic[Instance]):
    """Of one service. A session has one home at most; to lose the instance
    costs it its warmth, and it stays at its revision."""

    def __init__(self, idle: float = IDLE, per_instance: int = 0, most: int = MAX_SESSIONS) -> None:
        """idle: seconds, as IDLE. per_instance: sessions that one has, 0 for
        any number; of more, the one that was quiet longest there leaves, but
        none with a call at work. Both may be set anew. most: sessions that are
        kept; of more, the one that was quiet longest is forgotten."""
        self.idle = idle
        self.per_instance = per_instance
        self._most = most
        self._quiet: OrderedDict[str, Entry[Instance]] = OrderedDict()
        """The one that was quiet longest is first."""
        self._busy: dict[str, Entry[Instance]] = {}
        self._at: dict[Instance, set[Entry[Instance]]] = {}
        self._last = 0
        """The greatest epoch of those that are forgotten."""

    def __len__(self) -> int:
        return len(self._quiet) + len(self._busy)

    def home(self, session: str, now: float) -> Entry[Instance] | None:
        """Where its calls go; None for a new session."""
        entry = self._find(session)
        if entry is None or now < min(entry.expires, entry.leaves):
            return entry
        if entry.expires <= now:
            self._forget(entry)
            return None
        return self._replace(entry, entry.revision, None, now)

    def assign(self, session: str, revision: str, now: float) -> Entry[Instance]:
        """Its calls go to that revision from now on, so that those which come
        before the first has found an instance go there too."""
        entry = self.home(session, now)
        if entry is not None and entry.revision == revision:
            return entry
        return self._replace(entry or self._new(session), revision, None, now)

    def begin(self, session: str, revision: str, instance: Instance, now: float) -> Entry[Instance]:
        """A call of it goes to that instance, which is its home from now on.
        To be given back with `end`."""
        entry = self.home(session, now)
        if entry is None or entry.instance != instance:
            entry = self._replace(entry or self._new(session), revision, instance, now)
        if not entry.calls:
            del self._quiet[session]
            self._busy[session] = entry
            entry.expires = inf
        entry.calls += 1
        if self.per_instance and self.count(instance) > self.per_instance:
            self._displace(instance, now)
        return entry

    def end(self, entry: Entry[Instance], now: float) -> None:
        """A call has ended, wherever the session is at home by now."""
        entry.calls -= 1
        if entry.calls or self._find(entry.session) is not entry:
            return
        if entry.leaves < inf:
            self._replace(entry, entry.revision, None, now)
            return
        del self._busy[entry.session]
        self._quiet[entry.session] = entry
        entry.expires = now + self.idle

    def holds(self, session: str, epoch: int) -> bool:
        """Whether the session is at home where it got that epoch: what says
        so of an earlier one is to be refused."""
        entry = self._find(session)
        return entry is not None and entry.instance is not None and entry.epoch == epoch

    def drain(self, instance: Instance, now: float, until: float) -> None:
        """It is about to end. Sessions without a call at work leave at once,
        others when theirs have ended, or then."""
        for entry in list(self._at.get(instance, ())):
            if entry.calls:
                entry.leaves = min(entry.leaves, until)
            else:
                self._replace(entry, entry.revision, None, now)

    def lose(self, instance: Instance, now: float) -> None:
        """It takes no more calls, whatever it has at work."""
        for entry in list(self._at.get(instance, ())):
            self._replace(entry, entry.revision, None, now)

    def expire(self, now: float) -> None:
        """Forgets who was quiet for too long."""
        while self._quiet:
            entry = next(iter(self._quiet.values()))
            if entry.expires > now:
                return
            self._forget(entry)

    def count(self, instance: Instance) -> int:
        """Sessions that are at home there."""
        return len(self._at.get(instance, ()))

    def snapshot(self, now: float) -> Snapshot[Instance]:
        self.expire(now)
        instances = {instance: len(there) for instance, there in self._at.items()}
        return Snapshot(len(self), len(self._busy), MappingProxyType(instances))

    def _find(self, session: str) -> Entry[Instance] | None:
        return self._busy.get(session) or self._quiet.get(session)

    def _new(self, session: str) -> Entry[Instance]:
        if len(self) >= self._most:
            self._forget(next(iter((self._quiet or self._busy).values())))
        # A session that comes back must not get an epoch that it had before.
        return Entry(session, "", None, self._last)

    def _replace(
        self, before: Entry[Instance], revision: str, instance: Instance | None, now: float
    ) -> Entry[Instance]:
        """By an entry of its own: calls that are still at work where the
        session was do not count where it is."""
        known = before.session in self._quiet
        after = Entry(
            before.session,
            revision,
            instance,
            before.epoch + (instance is not None),
            expires=before.expires if known else now + self.idle,
        )
        self._leave(before)
        self._busy.pop(before.session, None)
        self._quiet[before.session] = after  # where it was in the order, if it was
        if instance is not None:
            self._at.setdefault(instance, set()).add(after)
        return after

    def _displace(self, instance: Instance, now: float) -> None:
        quiet = [entry for entry in self._at[instance] if not entry.calls]
        if quiet:
            oldest = min(quiet, key=lambda entry: entry.expires)
            self._replace(oldest, oldest.revision, None, now)

    def _forget(self, entry: Entry[Instance]) -> None:
        self._last = max(self._last, entry.epoch)
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
