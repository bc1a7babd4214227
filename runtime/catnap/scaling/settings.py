"""What one revision is scaled by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Metric = Literal["concurrency", "rps"]


@dataclass(frozen=True, slots=True)
class Settings:
    """An autoscaler's settings, resolved: `catnap.scaling.annotations` reads them.

    The defaults are those of Knative Serving with containerConcurrency 0, but
    for `grace`.
    Lengths of time are seconds; an upper bound of 0 is none.
    """

    metric: Metric = "concurrency"
    total: float = 100.0
    """What one instance can take, in the metric's unit: calls at once or per second."""
    target: float = 70.0
    """What one instance should have on average: a share of `total`."""
    window: float = 60.0
    panic_window: float = 6.0
    panic_threshold: float = 2.0
    """How many times the instances there are must be needed for panic."""
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    min_scale: int = 0
    max_scale: int = 0
    initial_scale: int = 1
    activation_scale: int = 0
    scale_down_delay: float = 0.0
    target_burst_capacity: float = 211.0
    """-1 is unlimited, 0 keeps the activator out of the path."""
    retention: float = 0.0
    """How long the last instance stays after the decision for zero, at least."""
    grace: float = 0.0
    """How long the activator is in the path before the last instance goes. A
    cluster waits 30 s for its own to come into it; the platform is in the path
    all the time."""
    container_concurrency: int = 0
    """Calls that an instance is given at once; 0 is any number."""
    reachable: bool = True
    """Whether a route leads to the revision; to others no rate of scaling down
    applies."""
