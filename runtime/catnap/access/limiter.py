"""Whether a call is within every limit that it meets, and what calls used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from catnap.access.admission import Admitted, Refused
from catnap.access.limits import Limit, Measure, Who, applying, bounds, scoped
from catnap.access.quotas import Quota
from catnap.access.rates import Gate, Places, Rate
from catnap.access.usage import DAY, Tally, Used, day_of

_ENTRY = frozenset(("rate", "daily_calls", "daily_compute_ms"))
"""What a call has to be within besides its places."""

_OTHERS = frozenset(("daily_tokens", "daily_bytes"))
"""What only those are asked about that use it."""

_TOTALS = _OTHERS | {"daily_calls", "daily_compute_ms"}
"""What is counted for all that a limit bounds together."""


class _Account:
    """What a call of one tenant, user and skill meets, looked up once."""

    __slots__ = (
        *("counted", "entry", "every", "nested", "nested_places", "others", "places", "tally"),
    )

    def __init__(self, tally: Tally, gates: Sequence[Gate], totals: Iterable[Used]) -> None:
        self.tally = tally
        self.counted = (tally.used, *totals)
        self.places = tuple(gate for gate in gates if isinstance(gate, Places))
        self.entry = tuple(gate for gate in gates if gate.measure in _ENTRY)
        self.others = tuple(gate for gate in gates if gate.measure in _OTHERS)
        self.every = (*self.entry, *self.places)
        # A child runs in its parent's place, or a tree of calls would wait for
        # itself; a limit of the skill is about the skill alone.
        self.nested_places = tuple(place for place in self.places if place.scope[2])
        self.nested = (*self.entry, *self.nested_places)


class Limiter:
    """The limits there are, what is taken of them, and what was used today.

    All of it is in memory and nothing waits; whoever owns it writes the use
    down (`noted`) and tells it again (`heard`). Rates and places begin anew with the
    process. `now` is in seconds since the epoch.
    """

    def __init__(self, limits: Iterable[Limit] = ()) -> None:
        self._limits = tuple(limits)
        self._bounds = bounds(self._limits)
        self._day = 0
        self._midnight = 0.0
        self._tallies: dict[Who, Tally] = {}
        self._accounts: dict[Who, _Account] = {}
        self._totals: dict[Who, Used] = {}
        self._gates: dict[tuple[Measure, Who, Who], Gate] = {}
        self._noted: list[Tally] = []
        self._gateways = 1

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

    def within(self, who: Who, now: float, measure: Measure) -> Refused | None:
        """None where something is left of `daily_tokens` or `daily_bytes`."""
        gates = [each for each in self._account(who, now).others if each.measure == measure]
        return _refused(gates, now) if any(gate.frees(now) for gate in gates) else None

    def spend(
        self,
        who: Who,
        now: float,
        *,
        tokens: int = 0,
        compute_ms: float = 0.0,
        bytes: int = 0,  # noqa: A002
    ) -> None:
        """Counts what a call turned out to use, on the day it is known."""
        account = self._account(who, now)
        for used in account.counted:
            used.tokens += tokens
            used.compute_ms += compute_ms
            used.bytes += bytes
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
        self._look_up_again()

    def share(self, gateways: int) -> None:
        """So many gateways let calls in, each its part of every rate and of all
        places, but one at least."""
        if gateways != self._gateways:
            self._gateways = gateways
            for gate in self._gates.values():
                gate.change(gate.limit, gateways)

    def standing(self, now: float, of: Who = ("", "", "")) -> list[Gate]:
        """Each limit as it is taken now, for each that it bounds by itself; of
        those who called today and that `of` names, where it does."""
        self._turn(now)
        for who in self._tallies:
            if who not in self._accounts and scoped(of, who):
                self._open(who)
        return list(self._gates.values())

    # --- use -----------------------------------------------------------------

    def heard(self, day: int, who: Who, more: Used, now: float, *, own: bool = False) -> None:
        """What was used besides: through another gateway, or, as its own, by
        this one before it began. Of another day than today's: of no interest."""
        account = self._account(who, now)
        if day != self._day:
            return
        for used in account.counted:
            used.add(more)
        if not own:
            account.tally.others.add(more)

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
        return self._accounts.get(who) or self._open(who)

    def _turn(self, now: float) -> None:
        if now < self._midnight:
            return
        self._day = day_of(now)
        self._midnight = (self._day + 1) * DAY
        self._tallies = {}
        self._gates = {key: gate for key, gate in self._gates.items() if not gate.idle(now)}
        self._look_up_again()

    def _look_up_again(self) -> None:
        going_on = {(measure, limit.scope): limit for measure, limit in self._bounds}
        gates, self._gates = self._gates, {}
        for (measure, pattern, scope), gate in gates.items():
            limit = going_on.get((measure, pattern))
            # A quota is made of the totals below.
            if limit is not None and not isinstance(gate, Quota):
                gate.change(limit, self._gateways)
                self._gates[measure, pattern, scope] = gate
        self._accounts, self._totals = {}, {}
        patterns = {scope for measure, scope in going_on if measure in _TOTALS}
        for who, tally in self._tallies.items():
            for bounded in {scoped(pattern, who) for pattern in patterns}:
                if bounded is not None:
                    self._totals.setdefault(bounded, Used()).add(tally.used)

    def _open(self, who: Who) -> _Account:
        tally = self._tallies.get(who)
        if tally is None:
            tally = self._tallies[who] = Tally(self._day, who)
        gates: list[Gate] = []
        totals: dict[Who, Used] = {}
        for measure, limit, scope in applying(self._bounds, who):
            if measure in _TOTALS:
                totals[scope] = self._totals.setdefault(scope, Used())
            gates.append(self._gate(measure, limit, scope))
        account = self._accounts[who] = _Account(tally, gates, totals.values())
        return account

    def _gate(self, measure: Measure, limit: Limit, scope: Who) -> Gate:
        key = (measure, limit.scope, scope)
        gate = self._gates.get(key)
        if gate is None:
            if measure == "rate":
                gate = Rate(measure, scope, limit, self._gateways)
            elif measure == "concurrent":
                gate = Places(measure, scope, limit, self._gateways)
            else:
                gate = Quota(measure, scope, limit, self._totals[scope])
            self._gates[key] = gate
        return gate


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
