"""The way of the last instance to zero.

A revision that is wanted no more stays active for a stable window, then the
activator takes the path over, and only when it had it for the grace period,
and the retention is over, nobody is left.

Source: Knative Serving, reconciler/autoscaling/kpa/scaler.go, handleScaleToZero.
"""

from __future__ import annotations

import msgspec

from catnap.scaling.kpa import Decision
from catnap.scaling.settings import Settings


class State(msgspec.Struct, frozen=True, gc=False):
    """Since when it is so, None where it is not; `State()` is a new revision's."""

    active: float | None = None
    """It was ready and is wanted."""
    idle: float | None = None
    """It was active and is wanted no more."""
    proxied: float | None = None
    """The activator is in the path."""


class Step(msgspec.Struct, frozen=True, gc=False):
    """How many instances to run."""

    instances: int
    why: str


def decide(
    settings: Settings, state: State, now: float, decision: Decision, ready: int, running: int
) -> tuple[State, Step]:
    """What the decision comes to, with `ready` of `running` instances ready."""
    proxied = now if state.proxied is None else state.proxied
    served = proxied if decision.excess_burst_capacity < 0 else None
    if not (decision.want or running):
        return State(idle=state.idle, proxied=proxied), Step(0, decision.why)
    active = state.active
    if active is None and ready and (decision.want or state.idle is None):
        active = now
    if decision.want:
        return State(active, None, served), Step(decision.want, decision.why)
    if active is not None:
        if now - active < settings.window:
            return State(active, None, served), Step(1, "active for less than a stable window")
        return State(None, now, proxied), Step(running, "the activator takes over")
    if state.idle is None:
        return State(None, None, served), Step(running, "not ready yet")
    idle = State(None, state.idle, proxied)
    if now - state.idle < settings.retention:
        return idle, Step(running, "scale-to-zero-pod-retention-period")
    if now - proxied < settings.grace:
        return idle, Step(running, "scale-to-zero-grace-period")
    return idle, Step(0, "idle")
