"""One revision in virtual time: calls, activator, instances, autoscaler."""

from __future__ import annotations

import heapq
import math
from array import array
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from catnap.scaling import kpa, zero
from catnap.scaling.settings import Settings
from catnap.scaling.trace import Arrivals
from catnap.scaling.window import Meter


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
    most: int = 0
    """Instances at once, without those that are leaving."""
    end: float = 0.0
    """When all had come to rest."""
    steps: list[tuple[float, float, int, int]] = field(default_factory=list)
    """(time, mean calls at once since the step before, wanted, ready), where
    something changed."""


class _Instance:
    __slots__ = ("busy", "idle_since", "leaving", "listed", "ready_at", "started")

    def __init__(self, started: float, ready_at: float) -> None:
        self.started = started
        self.ready_at = ready_at
        self.idle_since = ready_at
        self.busy = 0
        self.listed = False
        """Among those with room."""
        self.leaving = False


class Simulation:
    """Runs one revision's calls. It begins at rest, with `min-scale` instances.

    The activator gives each call to the next instance that has room, in turn,
    and wakes the revision when a call finds no instance. The autoscaler sees
    whole seconds and decides every two. An instance that is wanted no more ends
    when its last call does; how long a call takes depends on the trace only.
    """

    def __init__(self, arrivals: Arrivals, settings: Settings, world: World, begin: float) -> None:
        self.run = Run()
        self._arrivals, self._settings, self._world = arrivals, settings, world
        self._begin = begin
        self._limit = settings.container_concurrency or math.inf
        self._meter = Meter(settings, begin)
        self._scaler = kpa.State(attained=True, new=False)
        count = settings.min_scale
        self._zero = zero.State(active=begin) if count else zero.State(idle=begin, proxied=begin)
        self._instances: list[_Instance] = []
        """Those that are not leaving."""
        self._free: deque[_Instance] = deque()
        self._waiting: deque[int] = deque()
        self._events: list[tuple[float, int, _Instance]] = []
        """An instance is ready, or done with a call."""
        self._number = 0
        self._here = 0
        self._ready = 0
        self._area = 0.0
        self._area_since = self._stepped = begin
        for _ in range(count):
            instance = _Instance(begin, begin)
            self._instances.append(instance)
            self._has_room(instance)
        self._ready = self.run.most = count
        self._meter.set(begin, 0, count)
        self.run.steps.append((begin, 0.0, count, count))

    def play(self, progress: Callable[[int], None] = lambda done: None) -> Run:
        """All calls, until the last is answered and all is at rest."""
        times, events = self._arrivals.times, self._events
        calls, following = len(times), 0
        tick = math.inf  # at rest nothing would change
        while True:
            arrival = times[following] if following < calls else math.inf
            event = events[0][0] if events else math.inf
            if event <= arrival and event <= tick and events:
                self._happen(*heapq.heappop(events)[::2])
            elif arrival <= tick and following < calls:
                if tick == math.inf:
                    ticks = math.ceil((arrival - self._begin) / kpa.TICK)
                    tick = self._begin + ticks * kpa.TICK
                    self._stepped = tick - kpa.TICK
                self._arrive(arrival, following)
                following += 1
                if following % 10_000 == 0:
                    progress(10_000)
            elif tick < math.inf:
                at_rest = self._tick(tick)
                self.run.end = tick
                tick = math.inf if at_rest else tick + kpa.TICK
            else:
                progress(calls % 10_000)
                return self.run

    def stay(self, until: float) -> None:
        """Counts what there is at rest as idle until then."""
        for instance in self._instances:
            self.run.instance_seconds += until - instance.started
            self.run.idle_seconds += until - instance.idle_since

    def _arrive(self, now: float, call: int) -> None:
        self._meter.arrived(now)
        instance = None if self._waiting else self._next_free()
        if instance is None and len(self._waiting) >= self._world.queue:
            self.run.refused += 1
            return
        self._count(now, 1)
        if instance is not None:
            self._serve(now, call, instance)
            return
        self._waiting.append(call)
        if not self._instances:
            self._wake(now)

    def _happen(self, now: float, instance: _Instance) -> None:
        if not instance.busy:  # it is ready: one that is done with a call had it until now
            if instance.leaving:
                return
            self._ready += 1
        else:
            instance.busy -= 1
            self._count(now, -1)
            if not instance.busy:
                instance.idle_since = now
                if instance.leaving:
                    self.run.instance_seconds += now - instance.started
        if not instance.leaving:
            self._has_room(instance)
            while self._waiting and (free := self._next_free()) is not None:
                self._serve(now, self._waiting.popleft(), free)

    def _serve(self, now: float, call: int, instance: _Instance) -> None:
        arrived = self._arrivals.times[call]
        self.run.waits.append(now - arrived)
        self.run.cold += instance.ready_at > arrived
        if not instance.busy:
            self.run.idle_seconds += now - instance.idle_since
        instance.busy += 1
        self._has_room(instance)
        self._later(now + self._arrivals.durations[call], instance)

    def _next_free(self) -> _Instance | None:
        while self._free:
            instance = self._free.popleft()
            instance.listed = False
            if not instance.leaving:
                return instance
        return None

    def _has_room(self, instance: _Instance) -> None:
        if not instance.listed and instance.busy < self._limit:
            instance.listed = True
            self._free.append(instance)

    def _later(self, time: float, instance: _Instance) -> None:
        self._number += 1
        heapq.heappush(self._events, (time, self._number, instance))

    def _count(self, now: float, change: int) -> None:
        self._area += self._here * (now - self._area_since)
        self._area_since = now
        self._here += change
        self._meter.set(now, self._here, len(self._instances))

    def _tick(self, now: float) -> bool:
        """One decision; whether nothing would change any more without a call."""
        averages = self._meter.averages(now)
        decision = self._decide(now, *averages)
        if self._waiting and not self._instances:
            self._wake(now)
        self._count(now, 0)
        mean = self._area / (now - self._stepped)
        step = (now, mean, len(self._instances), self._ready)
        if step[1:] != self.run.steps[-1][1:]:
            self.run.steps.append(step)
        self._area, self._stepped = 0.0, now
        return not (
            self._here or self._events or any(averages) or decision.panicking
        ) and decision.want == self._settings.min_scale == len(self._instances)

    def _wake(self, now: float) -> None:
        """A decision at once, in which at least one call counts."""
        self._decide(now, *(max(1.0, average) for average in self._meter.averages(now)))

    def _decide(self, now: float, stable: float, panic: float) -> kpa.Decision:
        seen = kpa.Observation(now, stable, panic, self._ready)
        self._scaler, decision = kpa.decide(self._settings, self._scaler, seen)
        running = len(self._instances)
        self._zero, step = zero.decide(
            self._settings, self._zero, now, decision, self._ready, running
        )
        if step.instances > running:
            self._start(now, step.instances - running)
        elif step.instances < running:
            self._end(now, running - step.instances)
        return decision

    def _start(self, now: float, count: int) -> None:
        for _ in range(count):
            instance = _Instance(now, now + self._world.cold_start)
            self._instances.append(instance)
            self._later(instance.ready_at, instance)
            self.run.starts.append(now)
        self.run.most = max(self.run.most, len(self._instances))

    def _end(self, now: float, count: int) -> None:
        """Ends those that are not ready first, then those with the fewest calls."""
        order = sorted(self._instances, key=lambda each: (each.ready_at <= now, each.busy))
        for instance in order[:count]:
            instance.leaving = True
            ready = instance.ready_at <= now
            self._ready -= ready
            if not instance.busy:
                self.run.instance_seconds += now - instance.started
                self.run.idle_seconds += max(0.0, now - instance.idle_since)
        self._instances = [each for each in self._instances if not each.leaving]
