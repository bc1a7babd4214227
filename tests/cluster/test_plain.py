"""Knative Services that are no skills, behind the gateway as their network layer."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cluster.deployed import Deployed
from tests.cluster.kube import get, kubectl

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def plain(deployed: Deployed) -> Iterator[str]:
    """The namespace of a Service with two revisions, half of the traffic each,
    the second with a tag. What runs in it is echo, which nobody told anything."""
    namespace = f"{deployed.install}-plain"
    labels = {"catnap.dev/install": deployed.install}
    kubectl("apply", "-f", "-", given=of("v1", "Namespace", {"name": namespace, "labels": labels}))
    echo = get("ksvc", "echo", "-n", deployed.namespace)["spec"]["template"]["spec"]
    container = {
        name: value
        for name, value in echo["containers"][0].items()
        if name in ("image", "imagePullPolicy", "ports", "securityContext", "volumeMounts")
    }
    pod = {"containers": [container], "volumes": echo["volumes"]}
    service = of("serving.knative.dev/v1", "Service", {"name": "shop", "namespace": namespace})
    wait = ("-n", namespace, "ksvc/shop", "--for=condition=Ready", "--timeout=90s")
    try:
        for name, timeout in (("shop-00001", 30), ("shop-00002", 31)):
            template = {"metadata": {"name": name}, "spec": {**pod, "timeoutSeconds": timeout}}
            service["spec"] = {"template": template}
            if name == "shop-00002":
                service["spec"]["traffic"] = [
                    {"revisionName": "shop-00001", "percent": 50},
                    {"revisionName": "shop-00002", "percent": 50, "tag": "new"},
                ]
            kubectl("apply", "-f", "-", given=service)
            kubectl("wait", *wait)
        yield namespace
    finally:
        kubectl("delete", "namespace", namespace, "--wait=false")


def of(version: str, kind: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


async def test_its_traffic_is_split_as_it_says(deployed: Deployed, plain: str) -> None:
    met: collections.Counter[str] = collections.Counter()
    for number in range(60):
        status, headers, data = await deployed.request(
            "POST", "/", {"n": number}, {"host": f"shop.{plain}.svc.cluster.local"}, key="any"
        )
        assert (status, json.loads(data)) == (200, {"n": number}), data
        met[headers["catnap-instance"][:10]] += 1
    assert set(met) == {"shop-00001", "shop-00002"}
    assert min(met.values()) >= 10, "half of 60, give or take five deviations"


async def test_its_tag_has_a_name_of_its_own(deployed: Deployed, plain: str) -> None:
    for _ in range(5):
        host = {"host": f"new-shop.{plain}.svc.cluster.local"}
        status, headers, _ = await deployed.request("POST", "/", {"n": 1}, host, key="any")
        assert (status, headers["catnap-instance"][:10]) == (200, "shop-00002")


async def test_its_other_paths_and_methods_are_its_own_to_answer(
    deployed: Deployed, plain: str
) -> None:
    """The gateway has a /metrics and a /skills; this Service has neither."""
    for path in ("/metrics", "/skills"):
        status, headers, _ = await deployed.request(
            "GET", path, headers={"host": f"shop.{plain}"}, key="any"
        )
        assert status == 405
        assert headers["catnap-instance"].startswith("shop-")


def test_its_name_in_the_cluster_is_an_alias_of_the_gateways(
    deployed: Deployed, plain: str
) -> None:
    service = get("service", "shop", "-n", plain)
    assert service["spec"]["type"] == "ExternalName"
    assert service["spec"]["externalName"] == f"catnap-gateway.{deployed.install}.svc.cluster.local"
