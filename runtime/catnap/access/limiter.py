"""Whether a call is within every limit that it meets, and what calls used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from catnap.access.admission import Admitted, Refused
from catnap.access.limits import Limit, Measure, Who, applying, bounded, bounds, scoped
from catnap.access.quotas import Quota
from catnap.access.rates import Gate, Places, Rate
from catnap.access.today import Today, shape_of
from catnap.access.usage import DAY, Tally, Used, day_of

_ENTRY = frozenset(("rate", "daily_calls", "daily_compute_ms"))
"""What a call has to be within besides its places."""

_OTHERS = frozenset(("daily_tokens", "daily_bytes", "daily_cost"))
"""What only those are asked about that use it."""

_TOTALS = _OTHERS | {"daily_calls", "daily_compute_ms"}
"""What is counted for all that a limit bounds together."""

_SOME = 200
"""Accounts that are looked up at one time."""

_Key = tuple[Measure, Who, Who]
"""What a gate measures, by which limit, and for whom."""


class _Account:
    """What a call of one tenant, user and skill meets, looked up once.

    version: of the limits and the day that it was looked up for.
    """

    __slots__ = (
        *("counted", "entry", "every", "nested", "nested_places", "others", "places", "tally"),
        "version",
    )

    def __init__(
        self, version: int, tally: Tally, gates: Sequence[Gate], totals: Iterable[Used]
    ) -> None:
        self.version = version
        self.tally = tally
        self.counted = (tally.used, *totals)
        self.places = tuple(gate for gate in gates if isinstance(gate, Places))
        self.entry = tuple(gate for gate in gates if gate.measure in _ENTRY)
        self.others = tuple(gate for gate in gates if gate.measure in _OTHERS)
        self.every = (*self.entry, *self.places) if self.places else self.entry
        # A child runs in its parent's place, or a tree of calls would wait for
        # itself; a limit of the skill is about the skill alone.
        self.nested_places = tuple(place for place in self.places if place.scope[2])
        self.nested = (*self.entry, *self.nested_places) if self.nested_places else self.entry


class Limiter:
    """The limits there are, what is taken of them, and what was used today.

    All of it is in memory and nothing waits; whoever owns it writes the use
    down (`noted`) and tells it again (`heard`). Rates and places begin anew with the
    process. `now` is in seconds since the epoch.

    Other limits and another day are taken up by each account when it is used
    next, so that neither holds up the calls of all.
    """

    def __init__(self, limits: Iterable[Limit] = ()) -> None:
        self._version = 0
        self._gateways = 1
        self._today = Today(0)
        self._midnight = 0.0
        self._accounts: dict[Who, _Account] = {}
        self._gates: dict[_Key, Gate] = {}
        self._older: dict[_Key, Gate] = {}
        """Of the days before, which go on where they are not idle."""
        self._noted: list[Tally] = []
        self.change(limits)

    # --- calls ---------------------------------------------------------------

    def admit(self, who: Who, now: float, *, nested: bool = False) -> Admitted | Refused:
        """Lets a call in, or takes nothing. nested: it is made within another."""
        account = self._account(who, now)
        refused = _take(account.nested if nested else account.every, now)
        if refused:
            return refused
        self._count(account)
        return Admitted(account.nested_places if nested else account.places, now)

    def enqueue(self, who: Who, now: float) -> Refused | None:
        """Lets a call in that is made later: it counts now, and takes its
        place when it `begin`s."""
        account = self._account(who, now)
        refused = _take(account.entry, now)
        if not refused:
            self._count(account)
        return refused

    def begin(self, who: Who, now: float) -> Admitted | Refused:
        """A place for a call that counted before."""
        places = self._account(who, now).places
        return _take(places, now) or Admitted(places, now)

    def within(self, who: Who, now: float, *measures: Measure) -> Refused | None:
        """None where something is left of each: of `daily_tokens`, `daily_cost`,
        `daily_bytes`."""
        others = self._account(who, now).others
        if not others:
            return None
        gates = [each for each in others if each.measure in measures]
        return _refused(gates, now) if any(gate.frees(now) for gate in gates) else None

    def spend(
        self,
        who: Who,
        now: float,
        *,
        tokens: int = 0,
        compute_ms: float = 0.0,
        bytes: int = 0,  # noqa: A002
        cost: float = 0.0,
    ) -> None:
        """Counts what a call turned out to use, on the day it is known."""
        account = self._account(who, now)
        for used in account.counted:
            used.tokens += tokens
            used.compute_ms += compute_ms
            used.bytes += bytes
            used.cost += cost
        self._note(account.tally)

    # --- limits --------------------------------------------------------------

    @property
    def limits(self) -> tuple[Limit, ...]:
        return self._limits

    def change(self, limits: Iterable[Limit]) -> None:
        """Other limits from now on. What was taken stays taken where a limit
        of the same scope goes on; a new one counts places from now."""
        self._limits = tuple(limits)
        self._bounds = bounds(self._limits)
        self._shapes = {
            shape_of(limit.scope) for limit in self._limits if _TOTALS.intersection(bounded(limit))
        }
        self._today.keep(self._shapes)
        self._version += 1

    def share(self, gateways: int) -> None:
        """So many gateways let calls in, each its part of every rate and of all
        places, but one at least."""
        if gateways != self._gateways:
            self._gateways = gateways
            self._version += 1

    def standing(self, now: float, of: Who = ("", "", "")) -> Iterator[list[Gate]]:
        """Each limit as it is taken now, for each that it bounds by itself; of
        those who called today and that `of` names, where it does. Some at a
        time, so that calls may go on in between."""
        if now >= self._midnight:
            self._turn(now)
        seen: set[Gate] = set()
        tallies = [each for each in self._today.tallies(of[0]) if scoped(of, each.who)]
        for start in range(0, len(tallies), _SOME):
            some = [self._account(each.who, now) for each in tallies[start : start + _SOME]]
            gates = dict.fromkeys(chain.from_iterable((*each.every, *each.others) for each in some))
            yield [gate for gate in gates if gate not in seen]
            seen.update(gates)

    # --- use -----------------------------------------------------------------

    def heard(self, day: int, who: Who, more: Used, now: float, *, own: bool = False) -> None:
        """What was used besides: through another gateway, or, as its own, by
        this one before it began. Of another day than today's: of no interest."""
        account = self._account(who, now)
        if day != self._today.day:
            return
        for used in account.counted:
            used.add(more)
        if not own:
            account.tally.elsewhere(more)

    def noted(self) -> list[Tally]:
        """What has changed since this was asked before."""
        noted, self._noted = self._noted, []
        for tally in noted:
            tally.noted = False
        return noted

    def note_again(self, tallies: Iterable[Tally]) -> None:
        """They could not be written."""
        for tally in tallies:
            self._note(tally)

    def _count(self, account: _Account) -> None:
        for used in account.counted:
            used.calls += 1
        self._note(account.tally)

    def _note(self, tally: Tally) -> None:
        if not tally.noted:
            tally.noted = True
            self._noted.append(tally)

    # --- looked up -----------------------------------------------------------

    def _account(self, who: Who, now: float) -> _Account:
        if now >= self._midnight:
            self._turn(now)
        account = self._accounts.get(who)
        if account is not None and account.version == self._version:
            return account
        return self._open(who, now)

    def _turn(self, now: float) -> None:
        self._today = Today(day_of(now))
        self._midnight = (self._today.day + 1) * DAY
        self._older |= self._gates
        self._gates, self._accounts = {}, {}
        self._version += 1

    def _open(self, who: Who, now: float) -> _Account:
        counted = self._today.counted_as(who)
        if counted != who:
            return self._account(counted, now)
        self._sweep(now)
        totals = {shape: self._today.total(shape, who) for shape in self._shapes}
        gates = [
            self._gate(measure, limit, scope, totals.get(shape_of(scope)))
            for measure, limit, scope in applying(self._bounds, who)
        ]
        tally = self._today.tally(who)
        account = self._accounts[who] = _Account(self._version, tally, gates, totals.values())
        return account

    def _gate(self, measure: Measure, limit: Limit, scope: Who, total: Used | None) -> Gate:
        key = (measure, limit.scope, scope)
        gate = self._gates.get(key) or self._older.pop(key, None)
        if gate is None or (isinstance(gate, Quota) and gate.total is not total):
            gate = self._new(measure, limit, scope, total)
        else:
            gate.change(limit, self._gateways)
        self._gates[key] = gate
        return gate

    def _new(self, measure: Measure, limit: Limit, scope: Who, total: Used | None) -> Gate:
        if measure == "rate":
            return Rate(measure, scope, limit, self._gateways)
        if measure == "concurrent":
            return Places(measure, scope, limit, self._gateways)
        assert total is not None
        return Quota(measure, scope, limit, total)

    def _sweep(self, now: float) -> None:
        """Forgets two gates of the days before, unless there is something in them."""
        for _ in range(min(2, len(self._older))):
            key, gate = self._older.popitem()
            if not gate.idle(now):
                self._gates[key] = gate


def _take(gates: Sequence[Gate], now: float) -> Refused | None:
    """Of all of them, or of none where one has nothing left: why not, then."""
    for gate in gates:
        if gate.frees(now):
            return _refused(gates, now)
    for gate in gates:
        gate.take(now)
    return None


def _refused(gates: Iterable[Gate], now: float) -> Refused:
    frees, gate = max(((gate.frees(now), gate) for gate in gates), key=lambda each: each[0])
    return Refused(gate.limit, gate.measure, gate.scope, frees, gate)
