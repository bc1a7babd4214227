"""The gateway as Knative's networking layer."""

from __future__ import annotations

import collections
import json
from collections.abc import Iterator

import pytest

from tests.cluster.deployed import Deployed
from tests.cluster.kube import get, kubectl


async def test_a_skill_answers_under_the_name_that_knative_gives_it(deployed: Deployed) -> None:
    host = f"echo.{deployed.namespace}.svc.cluster.local"
    status, headers, data = await deployed.request("POST", "/", {"n": 1}, {"host": host})
    assert (status, json.loads(data)) == (200, {"n": 1})
    assert headers["catnap-task"]


async def test_a_skills_own_name_is_no_way_around_the_key(deployed: Deployed) -> None:
    host = f"echo.{deployed.namespace}.svc.cluster.local"
    status, _, _ = await deployed.request("POST", "/", {"n": 1}, {"host": host}, key="wrong")
    assert status == 401


async def test_a_host_that_nobody_has_is_not_found(deployed: Deployed) -> None:
    status, _, body = await deployed.request("GET", "/", headers={"host": "nobody.example.com"})
    assert status == 404
    assert "nobody.example.com" in json.loads(body)["detail"]


def test_knative_says_that_our_services_are_ready(deployed: Deployed) -> None:
    for service in get("ksvc", "-n", deployed.namespace)["items"]:
        conditions = {each["type"]: each for each in service["status"]["conditions"]}
        assert conditions["Ready"]["status"] == "True", service["metadata"]["name"]
        assert conditions["RoutesReady"]["status"] == "True"


@pytest.fixture(scope="module")
def split(deployed: Deployed) -> Iterator[str]:
    """Two revisions of echo under one name: 80 and 20 of a hundred calls, the
    second with a tag of its own."""
    service = get("ksvc", "echo", "-n", deployed.namespace)
    first = service["status"]["latestReadyRevisionName"]
    service["metadata"] = {
        "name": "split",
        "namespace": deployed.namespace,
        "labels": service["metadata"]["labels"],
        "annotations": _renamed(service["metadata"]["annotations"]),
    }
    del service["status"]
    template = service["spec"]["template"]
    template["metadata"]["annotations"] |= _renamed(template["metadata"]["annotations"])
    template["metadata"]["name"] = "split-00001"
    service["spec"].pop("traffic", None)
    kubectl("apply", "-f", "-", given=service)
    wait = ("-n", deployed.namespace, "ksvc/split", "--for=condition=Ready", "--timeout=240s")
    kubectl("wait", *wait)
    template["metadata"]["name"] = "split-00002"
    template["spec"]["timeoutSeconds"] = 31
    service["spec"]["traffic"] = [
        {"revisionName": "split-00001", "percent": 80},
        {"revisionName": "split-00002", "percent": 20, "tag": "candidate"},
    ]
    kubectl("apply", "-f", "-", given=service)
    kubectl("wait", *wait)
    assert first
    yield "split"
    kubectl("delete", "ksvc", "split", "-n", deployed.namespace)


def _renamed(annotations: dict[str, str]) -> dict[str, str]:
    """What we say of a skill, its manifest above all."""
    return {
        name: value.replace('"echo"', '"split"')
        for name, value in annotations.items()
        if name.startswith("catnap.dev/")
    }


@pytest.mark.timeout(300)
async def test_traffic_goes_to_revisions_as_the_service_says(
    deployed: Deployed, split: str
) -> None:
    met: collections.Counter[str] = collections.Counter()
    for number in range(100):
        status, headers, data = await deployed.request("POST", f"/skills/{split}", {"n": number})
        assert status == 200, data
        met[headers["catnap-instance"][:11]] += 1
    assert set(met) == {"split-00001", "split-00002"}
    assert 4 <= met["split-00002"] <= 42, "20 of 100, give or take more than five deviations"


async def test_a_tag_has_a_name_of_its_own(deployed: Deployed, split: str) -> None:
    host = f"candidate-{split}.{deployed.namespace}.svc.cluster.local"
    for _ in range(5):
        status, headers, _ = await deployed.request("POST", "/", {"n": 1}, {"host": host})
        assert (status, headers["catnap-instance"][:11]) == (200, "split-00002")
