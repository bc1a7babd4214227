"""Kubernetes' probes: whether an instance may have calls, and whether it lives.

Source: Kubernetes, Container.readinessProbe and livenessProbe; Knative Serving,
which lets a readiness probe have no period: then it is for the start alone, and
that is told by the instance itself here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KNOWN = {
    "httpGet",
    "tcpSocket",
    "initialDelaySeconds",
    "periodSeconds",
    "timeoutSeconds",
    "failureThreshold",
    "successThreshold",
}
PERIOD = 10
"""Seconds between two probes of a kind where nothing is said."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Times are seconds."""

    path: str
    """What is asked for, with GET; empty where a connection is enough."""
    period: float
    timeout: float
    delay: float
    """From when it is ready until the first."""
    failures: int
    """In a row, until it counts as failed."""
    successes: int
    """In a row, until it counts as well again."""


@dataclass(frozen=True, slots=True)
class Probes:
    """Those of one container; None where it has none while it runs."""

    readiness: Probe | None = None
    liveness: Probe | None = None


def read_probes(container: Mapping[str, Any]) -> Probes:
    """Raises ValueError for what is not done here, by its name."""
    if "startupProbe" in container:
        raise ValueError("startupProbe is not supported: an instance says itself when it is ready")
    readiness, liveness = (
        _read(name, container[name]) if name in container else None
        for name in ("readinessProbe", "livenessProbe")
    )
    goes_on = bool(container.get("readinessProbe", {}).get("periodSeconds"))
    return Probes(readiness if goes_on else None, liveness)


def _read(name: str, probe: Mapping[str, Any]) -> Probe:
    for key in probe:
        if key not in _KNOWN:
            raise ValueError(f"{name}.{key} is not supported by the local platform")
    get = probe.get("httpGet", {})
    for key in get.keys() - {"path", "port"}:
        raise ValueError(f"{name}.httpGet.{key} is not supported by the local platform")

    def number(key: str, default: int, least: int = 1) -> int:
        value = probe.get(key) or default
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{name}.{key}: must be a whole number from {least}, got {value!r}")
        return value

    return Probe(
        path=get.get("path", "/") if "httpGet" in probe else "",
        period=number("periodSeconds", PERIOD),
        timeout=number("timeoutSeconds", 1),
        delay=number("initialDelaySeconds", 0, 0),
        failures=number("failureThreshold", 3),
        successes=number("successThreshold", 1),
    )


class Health:
    """What a row of answers to one probe says of an instance."""

    def __init__(self, probe: Probe) -> None:
        self.well = True
        self._probe = probe
        self._row = 0
        """Answers in a row that speak against `well`."""

    def heard(self, answered: bool) -> None:
        self._row = 0 if answered == self.well else self._row + 1
        if self._row >= (self._probe.failures if self.well else self._probe.successes):
            self.well, self._row = answered, 0
