"""Pods as EndpointSlices tell of them."""

from __future__ import annotations

from typing import Any

import pytest

from catnap.http import Target
from catnap.services.knative import endpoints

PORTS = [
    {"name": "http-autometric", "port": 9090, "protocol": "TCP"},
    {"name": "http", "port": 8012, "protocol": "TCP", "appProtocol": "kubernetes.io/h2c"},
]


def endpoint(name: str, host: str, **conditions: bool | None) -> dict[str, Any]:
    return {
        "addresses": [host],
        "conditions": conditions,
        "targetRef": {"kind": "Pod", "name": name, "namespace": "acme"},
    }


def test_a_pod_that_is_ready_takes_calls_at_its_queue_proxy() -> None:
    ready = endpoint("a", "10.0.0.1", ready=True, serving=True, terminating=False)
    found = endpoints.pods({"endpoints": [ready], "ports": PORTS, "addressType": "IPv4"})
    assert found == {"a": Target("10.0.0.1", 8012)}


@pytest.mark.parametrize(
    "conditions",
    [
        {"ready": False, "serving": False, "terminating": False},
        {"ready": False, "serving": True, "terminating": True},
        {"ready": True, "serving": True, "terminating": True},
        {"ready": True, "serving": False},
    ],
)
def test_a_pod_that_starts_or_ends_takes_none(conditions: dict[str, bool]) -> None:
    given = endpoint("a", "10.0.0.1", **conditions)
    assert endpoints.pods({"endpoints": [given], "ports": PORTS}) == {}


def test_conditions_that_are_not_known_count_as_ready() -> None:
    given = endpoint("a", "10.0.0.1", ready=None)
    assert set(endpoints.pods({"endpoints": [given], "ports": PORTS})) == {"a"}


def test_what_is_no_pod_or_has_no_such_port_is_left_out() -> None:
    assert endpoints.pods({"endpoints": None, "ports": PORTS}) == {}
    assert endpoints.pods({"endpoints": [{"addresses": ["10.0.0.1"]}], "ports": PORTS}) == {}
    ready = endpoint("a", "10.0.0.1", ready=True)
    assert endpoints.pods({"endpoints": [ready], "ports": [{"name": "other", "port": 1}]}) == {}
    assert endpoints.pods({"endpoints": [ready], "ports": None}) == {}


def test_a_slice_says_whose_pods_it_has() -> None:
    labels = {"serving.knative.dev/revision": "echo-00001"}
    assert endpoints.revision({"metadata": {"namespace": "acme", "labels": labels}}) == (
        "acme",
        "echo-00001",
    )
    assert endpoints.revision({"metadata": {"namespace": "acme"}}) == ("acme", "")
