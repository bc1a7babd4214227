"""Where each session is at home.

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
"""Seconds without a call after which a session has no home any more."""

MAX_SESSIONS = 10_000

Instance = TypeVar("Instance", bound=Hashable)


@dataclass(eq=False, slots=True)
class Entry(Generic[Instance]):
    """One session at one instance; only its table changes it.

    epoch: greater at each new home. expires: in the table's time, never while
    a call is at work. calls: how many are. leaving: the instance drains, so
    the session stays until they have ended, and no longer.
    """

    session: str
    instance: Instance
    epoch: int
    expires: float = inf
    calls: int = 0
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot(Generic[Instance]):
    """How many sessions have a home, how many of them have calls at work, and
    how many each instance has."""

    sessions: int = 0
    busy: int = 0
    instances: Mapping[Instance, int] = field(default_factory=dict)


class Table(Generic[Instance]):
    """A session has one home at most. Losing it costs the session its warmth
    and nothing else: its next call makes another."""

    def __init__(self, idle: float = IDLE, most: int = MAX_SESSIONS) -> None:
        """idle: seconds, as IDLE; may be set anew. most: sessions that are
        kept; of more, the one that was quiet longest is forgotten."""
        self.idle = idle
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
        """Where its calls go."""
        entry = self._find(session)
        if entry is not None and entry.expires <= now:
            self._forget(entry)
            return None
        return entry

    def begin(self, session: str, instance: Instance, now: float) -> Entry[Instance]:
        """A call of it goes to that instance, which is its home from now on.
        To be given back with `end`."""
        entry = self.home(session, now)
        if entry is None or entry.instance != instance:
            entry = self._settle(session, instance, entry)
        elif not entry.calls:
            del self._quiet[session]
            self._busy[session] = entry
        entry.calls += 1
        entry.expires = inf
        return entry

    def end(self, entry: Entry[Instance], now: float) -> None:
        """A call has ended, wherever the session is at home by now."""
        entry.calls -= 1
        if entry.calls or not self.holds(entry.session, entry.epoch):
            return
        if entry.leaving:
            self._forget(entry)
            return
        del self._busy[entry.session]
        self._quiet[entry.session] = entry
        entry.expires = now + self.idle

    def holds(self, session: str, epoch: int) -> bool:
        """Whether nobody has come after: what an earlier epoch says of a
        session is to be refused."""
        entry = self._find(session)
        return entry is not None and entry.epoch == epoch

    def drain(self, instance: Instance) -> None:
        """It is about to end: sessions without a call at work have no home any
        more, others have it until their calls have ended."""
        for entry in list(self._at.get(instance, ())):
            if entry.calls:
                entry.leaving = True
            else:
                self._forget(entry)

    def lose(self, instance: Instance) -> None:
        """It takes no more calls, whatever it has at work."""
        for entry in list(self._at.get(instance, ())):
            self._forget(entry)

    def expire(self, now: float) -> None:
        """Forgets who was quiet for too long."""
        while self._quiet:
            entry = next(iter(self._quiet.values()))
            if entry.expires > now:
                return
            self._forget(entry)

    def displace(self, instance: Instance) -> bool:
        """Makes place for another session: the one that was quiet longest
        there has no home any more. False where all have calls at work."""
        quiet = [entry for entry in self._at.get(instance, ()) if not entry.calls]
        if quiet:
            self._forget(min(quiet, key=lambda entry: entry.expires))
        return bool(quiet)

    def count(self, instance: Instance) -> int:
        """Sessions that are at home there."""
        return len(self._at.get(instance, ()))

    def snapshot(self, now: float) -> Snapshot[Instance]:
        self.expire(now)
        counts = {instance: len(entries) for instance, entries in self._at.items()}
        return Snapshot(len(self), len(self._busy), MappingProxyType(counts))

    def _find(self, session: str) -> Entry[Instance] | None:
        return self._busy.get(session) or self._quiet.get(session)

    def _settle(
        self, session: str, instance: Instance, before: Entry[Instance] | None
    ) -> Entry[Instance]:
        if before is not None:
            self._forget(before)
        elif len(self) >= self._most:
            self._forget(next(iter((self._quiet or self._busy).values())))
        epoch = (before.epoch if before is not None else self._last) + 1
        entry = self._busy[session] = Entry(session, instance, epoch)
        self._at.setdefault(instance, set()).add(entry)
        return entry

    def _forget(self, entry: Entry[Instance]) -> None:
        # A session that comes back must not get an epoch that it had before.
        self._last = max(self._last, entry.epoch)
        self._quiet.pop(entry.session, None)
        self._busy.pop(entry.session, None)
        there = self._at[entry.instance]
        there.discard(entry)
        if not there:
            del self._at[entry.instance]
