"""Knative's pod autoscaler: how many instances, by averages that were observed.

Source: Knative Serving, autoscaler/scaling/autoscaler.go, and of the bounds
reconciler/autoscaling/kpa/scaler.go.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from catnap.scaling.settings import Settings

TICK: Final = 2
"""Seconds between two decisions, and the grain of the scale-down delay."""


class Observation(msgspec.Struct, frozen=True, gc=False):
    """What an autoscaler sees at one moment."""

    now: float
    """Seconds of a clock that does not go back."""
    stable: float
    """The metric's average over the stable window, of all instances together."""
    panic: float
    """The same over the panic window."""
    ready: int
    """Instances that take calls."""


class State(msgspec.Struct, frozen=True):
    """What is remembered from one decision to the next; `State()` is a new
    autoscaler's."""

    panic_at: float | None = None
    """When panic began or was last renewed."""
    panic_most: int = 0
    """The most that was wanted in this panic."""
    peaks: tuple[tuple[int, int], ...] = ()
    """(tick, want) of the scale-down delay: later ones are lower."""
    attained: bool = False
    """The initial scale was reached once: it counts no more."""
    new: bool = True


class Decision(msgspec.Struct, frozen=True, gc=False):
    """How many instances there should be."""

    want: int
    panicking: bool
    excess_burst_capacity: int
    """Calls that there is room for beyond a burst; the activator stays in the
    path while it is negative."""
    why: str
    """The rule that had the last word."""


def decide(settings: Settings, state: State, observation: Observation) -> tuple[State, Decision]:
    """One tick. Nothing is changed: the next tick is given the returned state."""
    now, panic, ready = observation.now, observation.panic, observation.ready
    some = ready or 1
    up = math.ceil(settings.max_scale_up_rate * some)
    down = math.floor(some / settings.max_scale_down_rate) if settings.reachable else 0
    for_stable = math.ceil(observation.stable / settings.target)
    for_panic = math.ceil(panic / settings.target)
    want, why = _limit(for_stable, down, up, settings.activation_scale, "stable average")

    panic_at, most = state.panic_at, state.panic_most
    if state.new and ready > 1:
        panic_at, most = now, ready  # without a history it must not scale down
    if for_panic / some >= settings.panic_threshold:
        panic_at = now
    elif panic_at is not None and _over(panic_at, settings.window, now):
        panic_at, most = None, 0
    if panic_at is not None:
        urgent = _limit(for_panic, down, up, settings.activation_scale, "panic average")
        if urgent[0] > want:
            want, why = urgent
        if want < most:
            want, why = most, "panic keeps what it had"
        most = want

    peaks = state.peaks
    if settings.scale_down_delay:
        peaks = _recorded(peaks, int(now // TICK), want, settings.scale_down_delay)
        if peaks[0][1] != want:
            want, why = peaks[0][1], "scale-down-delay"

    attained = state.attained or ready >= max(settings.min_scale, settings.initial_scale)
    least, bound = settings.min_scale, "min-scale"
    if not attained and settings.initial_scale > max(1, least):
        least, bound = settings.initial_scale, "initial-scale"
    if want < least:
        want, why = least, bound
    elif 0 < settings.max_scale < want:
        want, why = settings.max_scale, "max-scale"

    return (
        State(panic_at, most, peaks, attained, False),
        Decision(want, panic_at is not None, _excess(settings, panic, ready), why),
    )


def _limit(need: int, down: int, up: int, activation: int, why: str) -> tuple[int, str]:
    """What is needed, as far as one tick may go; and the rule that said so."""
    want = need
    if want < down:
        want, why = down, "max-scale-down-rate"
    if want > up:
        want, why = up, "max-scale-up-rate"
    if need > 0 and activation > want:
        want, why = activation, "activation-scale"
    return want, why


def _over(since: float, length: float, now: float) -> bool:
    """Whether that much time is over, the last nanosecond included."""
    return round(since * 1e9) + round(length * 1e9) < round(now * 1e9)


def _recorded(
    peaks: tuple[tuple[int, int], ...], tick: int, want: int, delay: float
) -> tuple[tuple[int, int], ...]:
    """The peaks with one more: what is lower and older can be the highest no more."""
    oldest = tick - math.ceil(delay / TICK)
    kept = [peak for peak in peaks if peak[0] > oldest and peak[1] > want]
    if kept and kept[-1][0] == tick:
        return tuple(kept)
    return (*kept, (tick, want))


def _excess(settings: Settings, panic: float, ready: int) -> int:
    burst = settings.target_burst_capacity
    if burst <= 0:
        return int(burst)
    return math.floor(ready * settings.total - burst - panic)
