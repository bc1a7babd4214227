"""What a trace costs and how long its calls wait, by some settings."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from random import Random
from typing import NamedTuple

import msgspec

from catnap.scaling.run import Run, World
from catnap.scaling.settings import Settings
from catnap.scaling.simulation import Simulation
from catnap.scaling.trace import Arrivals


class Costs(msgspec.Struct, frozen=True):
    """Of one skill, or of all. Times are in seconds."""

    calls: int
    refused: int
    cold: int
    """Calls that waited for an instance to start."""
    cold_share: float
    wait_p50: float
    wait_p95: float
    wait_p99: float
    wait_max: float
    starts: int
    instances_most: int
    instance_seconds: float
    idle_seconds: float
    """Of the instance-seconds: ready, and without a call."""
    idle_memory_seconds: float
    """MiB for a second."""


class Moment(NamedTuple):
    """A step of the course over time, which holds until the next."""

    time: float
    demand: float
    """Calls at once."""
    wanted: int
    ready: int


class Plan(msgspec.Struct, frozen=True):
    """All skills by the same settings, each scaled for itself."""

    skills: dict[str, Costs]
    total: Costs
    begin: float
    end: float
    course: list[Moment]
    starts: list[float]


def plan(
    trace: Mapping[str, Arrivals],
    settings: Settings,
    world: World,
    memory: float,
    progress: Callable[[int], None] = lambda done: None,
) -> Plan:
    """Replays the trace. memory: MiB of an instance. progress: is told of calls
    that were replayed, in some thousands."""
    begin = min(arrivals.times[0] for arrivals in trace.values())
    simulations = {
        skill: Simulation(arrivals, settings, world, begin, Random(0))  # noqa: S311 - no secret
        for skill, arrivals in trace.items()
    }
    runs = {skill: each.play(progress) for skill, each in simulations.items()}
    end = max(run.end for run in runs.values())
    for simulation in simulations.values():
        simulation.stay(end)
    return Plan(
        skills={skill: _costs([run], memory) for skill, run in runs.items()},
        total=_costs(list(runs.values()), memory),
        begin=begin,
        end=end,
        course=_course([run.steps for run in runs.values()]),
        starts=sorted(start for run in runs.values() for start in run.starts),
    )


def _costs(runs: list[Run], memory: float) -> Costs:
    waits = sorted(wait for run in runs for wait in run.waits)
    cold = sum(run.cold for run in runs)
    idle = sum(run.idle_seconds for run in runs)
    return Costs(
        calls=len(waits) + sum(run.refused for run in runs),
        refused=sum(run.refused for run in runs),
        cold=cold,
        cold_share=cold / max(1, len(waits)),
        wait_p50=_percentile(waits, 0.50),
        wait_p95=_percentile(waits, 0.95),
        wait_p99=_percentile(waits, 0.99),
        wait_max=_percentile(waits, 1.0),
        starts=sum(len(run.starts) for run in runs),
        instances_most=max(moment.wanted for moment in _course([run.steps for run in runs])),
        instance_seconds=sum(run.instance_seconds for run in runs),
        idle_seconds=idle,
        idle_memory_seconds=idle * memory,
    )


def _percentile(ordered: list[float], share: float) -> float:
    """The smallest that at least that share does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _course(steps: list[list[tuple[float, float, int, int]]]) -> list[Moment]:
    """The sum of all skills' steps."""
    if len(steps) == 1:
        return [Moment(*step) for step in steps[0]]
    changes: list[tuple[float, float, int, int]] = []
    for one in steps:
        had = (0.0, 0.0, 0, 0)
        for now in one:
            changes.append((now[0], now[1] - had[1], now[2] - had[2], now[3] - had[3]))
            had = now
    changes.sort()
    course: list[Moment] = []
    demand, wanted, ready = 0.0, 0, 0
    for time, more_demand, more_wanted, more_ready in changes:
        demand, wanted, ready = demand + more_demand, wanted + more_wanted, ready + more_ready
        if course and course[-1].time == time:
            course.pop()
        course.append(Moment(time, max(0.0, demand), wanted, ready))
    return course
