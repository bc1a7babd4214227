"""What a simulation runs on, and what comes of it."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field


@dataclass(frozen=True)
class World:
    """What the revision runs on, the same for all settings; in seconds."""

    cold_start: float
    queue: int = 10_000
    """Calls that may wait; one more is refused."""


@dataclass
class Run:
    """What became of a trace. Times are the trace's own, in seconds."""

    waits: array[float] = field(default_factory=lambda: array("d"))
    """Of each call that was served, from its arrival to its start."""
    cold: int = 0
    """Calls served by an instance that was not ready when they came."""
    refused: int = 0
    starts: list[float] = field(default_factory=list)
    """When instances were started."""
    instance_seconds: float = 0.0
    idle_seconds: float = 0.0
    """Of instances that were ready and had no call."""
    end: float = 0.0
    """When all had come to rest."""
    steps: list[tuple[float, float, int, int]] = field(default_factory=list)
    """(time, mean calls at once since the step before, wanted, ready), where
    something changed."""
