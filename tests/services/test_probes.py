"""What a container's probes say, and what a row of answers makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from catnap.services.probes import Health, Probe, Probes, read_probes

HTTP = {"httpGet": {"path": "/up"}}


def test_what_is_not_said_is_as_kubernetes_has_it() -> None:
    probes = read_probes({"livenessProbe": HTTP})
    assert probes == Probes(liveness=Probe("/up", 10, 1, 0, 3, 1))


def test_a_readiness_probe_without_a_period_is_for_the_start_alone() -> None:
    assert read_probes({"readinessProbe": HTTP}) == Probes()
    assert read_probes({"readinessProbe": HTTP | {"periodSeconds": 5}}).readiness is not None


def test_all_that_can_be_said_is_read() -> None:
    said = {"initialDelaySeconds": 4, "periodSeconds": 2, "timeoutSeconds": 3}
    rows = {"failureThreshold": 5, "successThreshold": 6}
    probes = read_probes({"readinessProbe": {"tcpSocket": {}} | said | rows})
    assert probes.readiness == Probe("", 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("container", "said"),
    [
        ({"startupProbe": HTTP}, "startupProbe"),
        ({"livenessProbe": {"grpc": {}}}, "livenessProbe.grpc"),
        ({"readinessProbe": {"exec": {}}}, "readinessProbe.exec"),
        ({"livenessProbe": {"httpGet": {"scheme": "HTTPS"}}}, "livenessProbe.httpGet.scheme"),
        ({"readinessProbe": HTTP | {"periodSeconds": -1}}, "readinessProbe.periodSeconds"),
        ({"livenessProbe": HTTP | {"timeoutSeconds": "1s"}}, "livenessProbe.timeoutSeconds"),
    ],
)
def test_what_is_not_done_or_out_of_bounds_is_named(container: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_probes(container)


def test_as_many_in_a_row_turn_it_as_the_probe_asks_for() -> None:
    health = Health(Probe("/up", 1, 1, 0, failures=3, successes=2))
    told = []
    for answered in (False, False, True, False, False, False, True, False, True, True):
        health.heard(answered)
        told.append(health.well)
    assert told == [True] * 5 + [False] * 4 + [True]
