"""What the pipeline counts, for Prometheus to read."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._calls = Counter(
            "catnap_calls", "Calls that ended, by error name or ok",
            ["skill", "outcome"], registry=self.registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "catnap_call_seconds", "Time from a call's arrival to its answer",
            ["skill"], buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._cold = Counter(
            "catnap_cold_starts", "Calls that waited for an instance to start",
            ["skill"], registry=self.registry,
        )  # fmt: skip
        self._events = Counter(
            "catnap_events", "Events accepted, by whether a trigger matched",
            ["matched"], registry=self.registry,
        )  # fmt: skip
        self._known: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self.instances = Gauge(
            "catnap_instances", "Instances running", ["skill"], registry=self.registry
        )

    def call(self, skill: str, outcome: str, seconds: float, timings: Mapping[str, float]) -> None:
        known = self._known.get((skill, outcome))
        if known is None:
            # The library looks a child up under a lock, with all its labels as text.
            known = self._calls.labels(skill, outcome), self._seconds.labels(skill)
            self._known[skill, outcome] = known
        known[0].inc()
        known[1].observe(seconds)
        if "start" in timings:
            self._cold.labels(skill).inc()

    def event(self, *, matched: bool) -> None:
        self._events.labels("yes" if matched else "no").inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)
