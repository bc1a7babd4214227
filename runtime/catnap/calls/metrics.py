"""What the pipeline counts, for Prometheus to read."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import accumulate
from operator import add

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_UPTO = [*map(floatToGoString, _SECONDS), "+Inf"]


class _Ended:
    """Calls of one skill that ended alike. The library's own counters take a lock
    and a look at the process for each call: these are read when it asks."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (len(_SECONDS) + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        self.buckets[bisect_left(_SECONDS, seconds)] += 1
        self.seconds += seconds


class _Calls(Collector):
    """By skill and outcome."""

    def __init__(self) -> None:
        self.ended: defaultdict[tuple[str, str], _Ended] = defaultdict(_Ended)

    def collect(self) -> Iterable[Metric]:
        calls = CounterMetricFamily(
            "catnap_calls", "Calls that ended, by error name or ok", labels=["skill", "outcome"]
        )
        seconds = HistogramMetricFamily(
            "catnap_call_seconds", "Time from a call's arrival to its answer", labels=["skill"]
        )
        by_skill: defaultdict[str, _Ended] = defaultdict(_Ended)
        for (skill, outcome), ended in sorted(self.ended.items()):
            calls.add_metric([skill, outcome], sum(ended.buckets))
            whole = by_skill[skill]
            whole.buckets = list(map(add, whole.buckets, ended.buckets))
            whole.seconds += ended.seconds
        for skill, whole in by_skill.items():
            upto = zip(_UPTO, accumulate(whole.buckets), strict=True)
            seconds.add_metric([skill], list(upto), whole.seconds)
        return calls, seconds


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = _Calls()
        self.registry.register(self._calls)
        self._cold = Counter(
            "catnap_cold_starts", "Calls that waited for an instance to start",
            ["skill"], registry=self.registry,
        )  # fmt: skip
        self._events = Counter(
            "catnap_events", "Events accepted, by whether a trigger matched",
            ["matched"], registry=self.registry,
        )  # fmt: skip
        self.instances = Gauge(
            "catnap_instances", "Instances running", ["skill"], registry=self.registry
        )

    def call(self, skill: str, outcome: str, seconds: float, timings: Mapping[str, float]) -> None:
        self._calls.ended[skill, outcome].add(seconds)
        if "start" in timings:
            self._cold.labels(skill).inc()

    def event(self, *, matched: bool) -> None:
        self._events.labels("yes" if matched else "no").inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)
