"""How many instances there should be now: what calls they have, through
Knative's autoscaler, and what was decided last."""

from __future__ import annotations

from collections import deque
from math import inf

import msgspec

from catnap.scaling import kpa, zero
from catnap.scaling.settings import Settings
from catnap.scaling.window import Meter

KEPT = 60
"""Decisions that are remembered."""

EAGER = 1.0
"""Seconds at least from one decision to the next that a waiting call asks for:
the averages are by the second."""

UNKNOWN = 1.0
"""Seconds after a first call in which no average says anything yet."""


class Decided(msgspec.Struct, frozen=True, gc=False):
    """One decision, and every one after it that was the same.

    first, last: when, by the scaler's clock. times: how many there were. stable,
    panic, ready, excess_burst_capacity: those of the last.
    """

    first: float
    last: float
    times: int
    stable: float
    panic: float
    ready: int
    want: int
    panicking: bool
    excess_burst_capacity: int
    why: str

    def again(self, after: Decided) -> Decided | None:
        """Both as one; None where the later one is another."""
        if (self.want, self.panicking, self.why) != (after.want, after.panicking, after.why):
            return None
        return msgspec.structs.replace(after, first=self.first, times=self.times + 1)


class Scaler:
    """The autoscaler of one revision's instances: what a pool asks, and a
    simulation. Its times are those of one clock, in seconds; `ready` instances
    take calls, of those that are `running` and to stay."""

    def __init__(self, settings: Settings, now: float) -> None:
        self.wanted = 0
        """Instances there should be, by the last decision."""
        self.decisions: deque[Decided] = deque(maxlen=KEPT)
        """The newest is last."""
        self.by_rate = settings.metric == "rps"
        """Whether `arrived` counts."""
        self._settings = settings
        self._meter = Meter(settings, now)
        self._state = kpa.State()
        self._zero = zero.State()
        self._begun = False
        """The initial scale was there once."""
        self._woken = self._asked = -inf
        """When a call found nobody, and when any decision was made last."""

    @classmethod
    def at_rest(cls, settings: Settings, now: float) -> Scaler:
        """One that nobody has called for long: with `min-scale` instances."""
        scaler = cls(settings, now)
        scaler.wanted = least = settings.min_scale
        scaler._state = kpa.State(attained=True, new=False)
        scaler._zero = zero.State(active=now) if least else zero.State(idle=now, proxied=now)
        scaler._begun = True
        return scaler

    def measure(self, now: float, calls: int, instances: int) -> None:
        """From now on so many calls are at work or wait, at so many instances."""
        self._meter.set(now, calls, instances)

    def arrived(self, now: float) -> None:
        """A call has."""
        self._meter.arrived(now)

    def adjust(self, now: float, ready: int, running: int) -> None:
        """Decides. To be called every `kpa.TICK` seconds."""
        self.wanted = self._decide(now, ready, running, 0.0)

    def hurry(self, now: float, ready: int, running: int, calls: int) -> None:
        """A call has to wait, one of so many. If it found nobody it counts at
        once, and does not wait to be seen in an average."""
        if not running:
            self._woken = now
            self.wanted = max(self.wanted, self._decide(now, 0, 0, 1.0))
        elif now >= self._asked + EAGER:
            self.look(now, ready, running, calls)

    def look(self, now: float, ready: int, running: int, calls: int) -> None:
        """Decides ahead of time, for more only, for so many calls that cannot
        all be served: by the averages, but for those that came with the first."""
        least = calls if now < self._woken + UNKNOWN else 0.0
        self.wanted = max(self.wanted, self._decide(now, ready, running, least))

    def _decide(self, now: float, ready: int, running: int, least: float) -> int:
        settings = self._settings
        self._asked = now
        stable, panic = (max(least, average) for average in self._meter.averages(now))
        seen = kpa.Observation(now, stable, panic, ready)
        self._state, decision = kpa.decide(settings, self._state, seen)
        self._begun = self._begun or ready >= settings.initial_scale
        if not self._begun and decision.want < settings.initial_scale:
            decision = msgspec.structs.replace(
                decision, want=settings.initial_scale, why="initial-scale"
            )
        self._zero, step = zero.decide(settings, self._zero, now, decision, ready, running)
        excess = decision.excess_burst_capacity
        decided = Decided(
            *(now, now, 1, stable, panic, ready),
            *(step.instances, decision.panicking, excess, step.why),
        )
        same = self.decisions[-1].again(decided) if self.decisions else None
        if same:
            self.decisions.pop()
        self.decisions.append(same or decided)
        return step.instances
