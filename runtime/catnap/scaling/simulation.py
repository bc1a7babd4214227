"""One revision in virtual time: its calls, and instances that only take time.

What decides is the platform's own: `Scaler` how many there are, `Balance` which
of them a call goes to. A pool asks both at the same moments.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable
from random import Random

from catnap.scaling import kpa
from catnap.scaling.balance import Balance
from catnap.scaling.instances import Instance, Instances
from catnap.scaling.run import Run, World
from catnap.scaling.scaler import Scaler
from catnap.scaling.settings import Settings
from catnap.scaling.trace import Arrivals


class Simulation:
    """Runs one revision's calls. It begins at rest, with `min-scale` instances.

    How long a call takes depends on the trace only, and an instance ends in no
    time. There are no sessions.
    """

    def __init__(
        self, arrivals: Arrivals, settings: Settings, world: World, begin: float, random: Random
    ) -> None:
        """begin: of the time that is paid for, at the first arrival at the
        latest. random: where Balance leaves it to chance."""
        self.run = Run()
        self.scaler = Scaler.at_rest(settings, begin)
        self._arrivals, self._settings, self._world = arrivals, settings, world
        self._begin = begin
        concurrency = settings.container_concurrency
        self._instances = Instances(concurrency or math.inf, Balance(concurrency, random))
        self._waiting: deque[int] = deque()
        self._events: list[tuple[float, int, Instance]] = []
        """An instance is ready, or done with a call."""
        self._number = 0
        self._here = 0
        """Calls, at work or waiting."""
        self._area = 0.0
        self._area_since = self._stepped = begin
        for _ in range(settings.min_scale):
            self._instances.came_up(self._instances.start(begin, 0.0))
        self._measure(begin)
        self.run.steps.append((begin, 0.0, settings.min_scale, settings.min_scale))

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
                self._tick(tick)
                self.run.end = tick
                tick = math.inf if self._at_rest() else tick + kpa.TICK
            else:
                progress(calls % 10_000)
                return self.run

    def stay(self, until: float) -> None:
        """Counts what there is at rest as idle until then."""
        self._instances.stay(until)
        self.run.instance_seconds = self._instances.seconds
        self.run.idle_seconds = self._instances.idle_seconds

    # --- calls -------------------------------------------------------------------

    def _arrive(self, now: float, call: int) -> None:
        instance = self._instances.open()
        if instance is None and len(self._waiting) >= self._world.queue:
            self.run.refused += 1
            return
        if self.scaler.by_rate:
            self.scaler.arrived(now)
        self._count(now, 1)
        if instance is not None:
            self._begin_call(now, call, instance)
            self._measure(now)
            return
        self._waiting.append(call)
        self._measure(now)
        there = self._instances
        self.scaler.hurry(now, there.ready, there.running, self._here)
        self._restore(now)

    def _happen(self, now: float, instance: Instance) -> None:
        if instance.ready:
            self._answered(now, instance)
        elif instance.alive:
            self._came_up(now, instance)

    def _answered(self, now: float, instance: Instance) -> None:
        self._instances.done(instance, now)
        self._count(now, -1)
        self._serve(now)
        self._measure(now)
        if instance.surplus and not instance.inflight:
            self._instances.end(instance, now)

    def _came_up(self, now: float, instance: Instance) -> None:
        there = self._instances
        there.came_up(instance)
        self._serve(now)
        self._measure(now)
        if self._waiting:
            self.scaler.look(now, there.ready, there.running, self._here)
            self._restore(now)

    def _serve(self, now: float) -> None:
        while self._waiting and (instance := self._instances.free()) is not None:
            self._begin_call(now, self._waiting.popleft(), instance)

    def _begin_call(self, now: float, call: int, instance: Instance) -> None:
        arrived = self._arrivals.times[call]
        self.run.waits.append(now - arrived)
        self.run.cold += instance.ready_at > arrived
        self._instances.begin(instance, now)
        self._later(now + self._arrivals.durations[call], instance)

    def _later(self, time: float, instance: Instance) -> None:
        self._number += 1
        heapq.heappush(self._events, (time, self._number, instance))

    # --- how many ----------------------------------------------------------------

    def _tick(self, now: float) -> None:
        there = self._instances
        self.scaler.adjust(now, there.ready, there.running)
        there.part(now, there.running - self.scaler.wanted, bool(self._waiting))
        self._restore(now)
        self._step(now)

    def _restore(self, now: float) -> None:
        there, waiting = self._instances, bool(self._waiting)
        lacking = max(self.scaler.wanted, waiting) - there.running
        if lacking > 0:
            for _ in range(lacking - there.keep(lacking)):
                self._later(now + self._world.cold_start, there.start(now, self._world.cold_start))
                self.run.starts.append(now)
        self._measure(now)

    def _at_rest(self) -> bool:
        """Whether nothing would change any more without a call."""
        last, least = self.scaler.decisions[-1], self._settings.min_scale
        quiet = not (self._here or self._events or last.stable or last.panic or last.panicking)
        return quiet and last.want == least == len(self._instances)

    def _count(self, now: float, change: int) -> None:
        self._area += self._here * (now - self._area_since)
        self._area_since = now
        self._here += change

    def _measure(self, now: float) -> None:
        self.scaler.measure(now, self._here, len(self._instances))

    def _step(self, now: float) -> None:
        self._count(now, 0)
        mean = self._area / (now - self._stepped)
        step = (now, mean, self._instances.running, self._instances.ready)
        if step[1:] != self.run.steps[-1][1:]:
            self.run.steps.append(step)
        self._area, self._stepped = 0.0, now
