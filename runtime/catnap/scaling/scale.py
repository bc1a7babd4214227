"""The number of instances for a load."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scale:
    """Bounds and targets of one revision; max 0 means no upper bound.

    `target` is how many calls one instance should have at once over time,
    `capacity` how many it can be given at once.
    """

    min: int
    max: int
    target: float
    capacity: float


def want(scale: Scale, average: float, at_once: int) -> int:
    """Instances wanted.

    average: mean concurrency over the window; at_once: calls at work or
    waiting now. Load that is there now is never left waiting for the average
    to notice it, and an average that has not yet come down keeps instances.
    Below one call in a thousand the window counts as quiet.
    """
    mean = 0.0 if average < 0.001 else average
    # Rounded, or 2.1 / (3 * 0.7) would be a little more than one.
    wanted = math.ceil(max(round(mean / scale.target, 6), at_once / scale.capacity))
    if scale.max:
        wanted = min(wanted, scale.max)
    return max(wanted, scale.min)
