"""Random settings and observations, and decisions over a whole trace."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from catnap.scaling import Decision, Observation, Settings, State, decide, from_values


def decisions(settings: Settings, seen: Iterable[Observation]) -> list[Decision]:
    state, found = State(), []
    for observation in seen:
        state, decision = decide(settings, state, observation)
        found.append(decision)
    return found


def given(**values: Any) -> Settings:
    """Settings by keys in Python's spelling."""
    return from_values({key.replace("_", "-"): value for key, value in values.items()})


def any_values(chance: random.Random) -> dict[str, Any]:
    """Settings that are in order, some left out."""
    low, high = chance.choice([0, 0, 0, 1, 3]), chance.choice([0, 0, 5, 20, 100])
    every: dict[str, list[Any]] = {
        "metric": ["concurrency", "rps"],
        "target": [0.01, 0.5, 1, 7.3, 10, 100, 200],
        "target-utilization-percentage": [1, 33.3, 50, 70, 100],
        "window": ["6s", "10s", "30s", "1m", "2m"],
        "panic-threshold-percentage": [110, 150, 200, 1000],
        "max-scale-up-rate": [1.1, 1.5, 2, 10, 1000],
        "max-scale-down-rate": [1.1, 1.5, 2, 10],
        "activation-scale": [max(low, 2), 4],
        "min-scale": [low],
        "max-scale": [high],
        "scale-down-delay": ["0s", "1s", "2s", "3s", "15s", "1m"],
        "target-burst-capacity": [-1, 0, 10.5, 211],
        "container-concurrency": [0, 1, 3, 10, 100],
        "reachable": [True, False],
    }
    return {key: chance.choice(some) for key, some in every.items() if chance.random() < 0.4}


def any_trace(chance: random.Random) -> list[Observation]:
    """Steps and bursts, mostly a tick apart."""
    now, load, seen = chance.choice([0.0, 1000.5, 1.7e9]), 20.0, []
    for _ in range(chance.randint(1, 30)):
        now = round(now + chance.choice([2, 2, 2, 2, 0.5, 0.1, 7, 30, 61]), 1)
        if chance.random() < 0.25:
            load = chance.choice([0.0, 0.5, 3.0, 20.0, 100.0, 1000.0])
        digits = chance.choice([0, 6])
        stable = round(load * chance.random(), digits)
        panic = round(2 * load * chance.random(), digits)
        seen.append(Observation(now, stable, panic, chance.choice([0, 1, 2, 5, 40])))
    return seen
