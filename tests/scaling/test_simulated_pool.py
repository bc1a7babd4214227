"""A simulation does as a pool does: the same calls, at the same moments, through
both."""

from __future__ import annotations

import asyncio
import heapq
from array import array
from dataclasses import dataclass, field
from functools import partial
from itertools import count, groupby
from math import inf
from random import Random
from typing import Any

import pytest

from catnap.scaling import TICK
from catnap.scaling.run import World
from catnap.scaling.scaler import Decided
from catnap.scaling.simulation import Simulation
from catnap.scaling.trace import Arrivals
from catnap.services.instance import Instance
from catnap.services.place import Place
from catnap.services.pool import Pool
from catnap.services.revision import Revision, revision_of
from catnap.services.room import Room

Call = tuple[float, float]
"""When, and for how long; in seconds."""


class Slow(Instance):
    """Starts when it is told to, and ends as soon as it is asked to."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.up = asyncio.Event()

    async def start(self) -> None:
        await self.up.wait()
        self.ready = True

    def end(self, *, now: bool = False) -> None:
        self.draining = True
        if not self.exited.done():
            self.exited.set_result(0)


@dataclass
class Course:
    """What became of the calls."""

    waits: list[float] = field(default_factory=list)
    """In the order in which they were served."""
    starts: list[float] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    """Instances, from one decision for another number to the next."""


class PoolRun:
    """A pool whose time is that of the trace."""

    def __init__(self, revision: Revision, cold_start: float) -> None:
        self.course = Course()
        self.now = 0.0
        self._cold_start = cold_start
        self._events: list[tuple[float, int, partial[None]]] = []
        self._number = count()
        self._calls: list[asyncio.Task[None]] = []
        room = Room(revision.scale.max_scale, revision.queue)
        self.pool = Pool(revision, self._make, lambda: self.now, room)

    async def play(self, calls: list[Call], until: float) -> Course:
        tick, arriving = 0.0, [*calls, (inf, 0.0)]
        while min(tick, arriving[0][0]) <= until:
            event = self._events[0][0] if self._events else inf
            self.now = min(event, arriving[0][0], tick)
            if self.now == event:
                heapq.heappop(self._events)[2]()
            elif self.now == arriving[0][0]:
                self._calls.append(asyncio.create_task(self._call(*arriving.pop(0))))
            else:
                self.pool.adjust()
                tick += TICK
            for _ in range(10):
                await asyncio.sleep(0)
        await asyncio.gather(*self._calls)
        self.course.wanted = changes(self.pool.decisions)
        await self.pool.close()
        return self.course

    def _make(self, _: Revision, name: str) -> Instance:
        instance = Slow(name)
        self.course.starts.append(self.now)
        self._later(self._cold_start, partial(instance.up.set))
        return instance

    async def _call(self, arrived: float, duration: float) -> None:
        place, _ = await self.pool.acquire()
        self.course.waits.append(self.now - arrived)
        self._later(duration, partial(self._done, place))

    def _done(self, place: Place) -> None:
        self.pool.release(place)

    def _later(self, seconds: float, what: partial[None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._number), what))


def changes(decisions: Any) -> list[int]:
    found: list[Decided] = list(decisions)
    return [want for want, _ in groupby(found, lambda each: each.want)]


def revision(concurrency: int, annotations: dict[str, str]) -> Revision:
    prefixed = {f"autoscaling.knative.dev/{key}": value for key, value in annotations.items()}
    spec = {"containerConcurrency": concurrency, "containers": [{"image": "i"}]}
    template = {"metadata": {"annotations": prefixed}, "spec": spec}
    return revision_of(
        {
            "apiVersion": "serving.knative.dev/v1",
            "kind": "Service",
            "metadata": {"name": "s", "namespace": "t"},
            "spec": {"template": template},
        },
        1,
    )


def simulated(run: Revision, calls: list[Call], cold_start: float) -> tuple[Course, float]:
    """And when it came to rest."""
    arrivals = Arrivals(
        array("d", (time for time, _ in calls)), array("d", (length for _, length in calls))
    )
    simulation = Simulation(arrivals, run.scale, World(cold_start), 0.0, Random(1))
    found = simulation.play()
    return Course(list(found.waits), found.starts, changes(simulation.scaler.decisions)), found.end


def bursts(chance: Random) -> list[Call]:
    """Half a minute of bursts and of calls between them, in the grain of a hundredth."""
    calls: list[Call] = []
    for _ in range(40):
        time, some = round(30 * chance.random(), 2), chance.choice([1, 1, 2, 30])
        calls += [(time, round(0.1 + 5 * chance.random(), 2)) for _ in range(some)]
    return sorted([(0.0, 1.0), *calls])


@pytest.mark.parametrize("cold_start", [0.023, 1.207])
@pytest.mark.parametrize("annotations", [
    {"window": "6s"}, {"max-scale": "4", "window": "10s"}, {"metric": "rps", "target": "2"},
    {"activation-scale": "3", "scale-down-delay": "4s", "window": "6s"},
])  # fmt: skip
@pytest.mark.parametrize("concurrency", [0, 1, 3, 10])
async def test_calls_wait_as_long_for_as_many_instances_as_at_a_pool(
    concurrency: int, annotations: dict[str, str], cold_start: float
) -> None:
    calls = bursts(Random(concurrency))
    pooled = revision(concurrency, annotations)
    found, end = simulated(pooled, calls, cold_start)
    course = await PoolRun(pooled, cold_start).play(calls, end)
    assert found.starts == pytest.approx(course.starts)
    assert found.waits == pytest.approx(course.waits)
    assert found.wanted == course.wanted


async def test_a_burst_from_nothing_is_started_for_at_once_not_at_the_next_tick() -> None:
    calls = [(0.0, 1.0)] * 100
    found, _ = simulated(revision(1, {}), calls, 0.02)
    assert len(found.starts) == 143
    assert max(found.waits) == pytest.approx(0.04)
