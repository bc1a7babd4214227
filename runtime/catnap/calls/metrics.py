"""What the pipeline counts, for Prometheus to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from catnap.calls.histogram import Histogram, together


class _Calls(Collector):
    """By skill and outcome."""

    def __init__(self) -> None:
        self.ended: defaultdict[tuple[str, str], Histogram] = defaultdict(Histogram)

    def collect(self) -> Iterable[Metric]:
        calls = CounterMetricFamily(
            "catnap_calls", "Calls that ended, by error name or ok", labels=["skill", "outcome"]
        )
        seconds = HistogramMetricFamily(
            "catnap_call_seconds", "Time from a call's arrival to its answer", labels=["skill"]
        )
        by_skill: defaultdict[str, list[Histogram]] = defaultdict(list)
        for (skill, outcome), ended in sorted(self.ended.items()):
            calls.add_metric([skill, outcome], ended.count)
            by_skill[skill].append(ended)
        for skill, some in by_skill.items():
            whole = together(some)
            seconds.add_metric([skill], whole.upto(), whole.seconds)
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
