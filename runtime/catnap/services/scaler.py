"""How many instances a pool should have now: Knative's autoscaler, and what
its reconciler makes of a decision for none."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

from catnap.scaling import Load, Observation, Settings, State, decide

KEPT = 60
"""Decisions that are remembered."""


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision, and every one after it that was the same.

    first, last: when, by the pool's clock. times: how many there were.
    excess_burst_capacity: None where nobody was there to have any.
    """

    first: float
    last: float
    times: int
    want: int
    panicking: bool
    excess_burst_capacity: int | None
    why: str


class Scaler:
    """The autoscaler of one pool. Its times are those of one clock, in seconds.

    Zero is reached as in Knative: there was no call for a stable window, none
    was wanted for the retention period since, and the activator has been in the
    path for the grace period. Here every call goes through it anyway: what
    counts is since when Knative would have had it there.
    """

    def __init__(self, settings: Settings, now: float) -> None:
        self.decisions: deque[Decided] = deque(maxlen=KEPT)
        """The newest is last."""
        self._settings = settings
        self._state = State()
        self._here = 0
        self._begun = False
        """The initial scale was there once."""
        self._quiet_since = now
        self._proxied_since: float | None = now
        self._inactive_since: float | None = None
        self._restart(now)

    def measure(self, now: float, here: int) -> None:
        """From now on so many calls are at work or wait."""
        if self._here and not here:
            self._quiet_since = now
        self._here = here
        self._stable.set(now, here)
        self._panic.set(now, here)

    def wake(self, now: float) -> int:
        """How many to start at once for a call that found none. What was
        before is not looked at any more."""
        self._restart(now)
        settings = self._settings
        want = max(1, settings.min_scale, settings.activation_scale)
        if settings.max_scale:
            want = min(want, settings.max_scale)
        self._note(Decided(now, now, 1, want, False, None, "a call came where no instance was"))
        return want

    def decide(self, now: float, ready: int) -> int:
        """How many there should be, where so many take calls already."""
        stable, panic = self._stable.average(now), self._panic.average(now)
        seen = Observation(now=now, stable=stable, panic=panic, ready=ready)
        self._state, decision = decide(self._settings, self._state, seen)
        want, why, excess = decision.want, decision.why, decision.excess_burst_capacity
        if excess >= 0:
            self._proxied_since = None
        elif self._proxied_since is None:
            self._proxied_since = now
        self._begun = self._begun or ready >= self._settings.initial_scale
        if not self._begun and want < self._settings.initial_scale:
            want, why = self._settings.initial_scale, "initial-scale"
        if want:
            self._inactive_since = None
        elif ready and (kept := self._kept(now)):
            want, why = 1, kept
        self._note(Decided(now, now, 1, want, decision.panicking, excess, why))
        return want

    def _restart(self, now: float) -> None:
        self._stable = Load(self._settings.window)
        self._panic = Load(self._settings.panic_window)
        self._stable.set(now, self._here)
        self._panic.set(now, self._here)

    def _kept(self, now: float) -> str:
        """Why the last instance stays although none is wanted."""
        if self._here or now < self._quiet_since + self._settings.window:
            return "stable window: it is not over since the last call"
        if self._inactive_since is None:
            self._inactive_since = now
        if self._proxied_since is None:
            self._proxied_since = now
        if now < self._inactive_since + self._settings.retention:
            return "scale-to-zero-pod-retention-period"
        if now < self._proxied_since + self._settings.grace:
            return "scale-to-zero-grace-period"
        return ""

    def _note(self, decided: Decided) -> None:
        last = self.decisions[-1] if self.decisions else None
        if last and replace(decided, first=last.first, times=last.times) == replace(
            last, last=decided.last
        ):
            self.decisions[-1] = replace(last, last=decided.last, times=last.times + 1)
        else:
            self.decisions.append(decided)
