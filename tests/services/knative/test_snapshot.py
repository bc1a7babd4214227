"""A Service as a cluster's objects and the gateway together show it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catnap.http import Target
from catnap.services.knative.platform import KnativePlatform
from catnap.services.knative.pods import Pods
from catnap.services.knative.routing import Table
from catnap.services.knative.snapshot import Objects
from catnap.services.traffic import parse
from tests.services.knative.apiserver import running
from tests.services.knative.objects import ingress, path, rule, split

SPACE = "catnap-acme"
KEY = (SPACE, "echo")
TRAFFIC: list[dict[str, Any]] = [
    {"revisionName": "echo-00001", "percent": 90},
    {"latestRevision": True, "percent": 10},
    {"revisionName": "echo-00001", "tag": "stable"},
]


def service(traffic: list[dict[str, Any]] = TRAFFIC) -> dict[str, Any]:
    return {"spec": {"traffic": traffic}, "status": {"latestReadyRevisionName": "echo-00002"}}


def revision(number: int, *, ready: bool = True) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"echo-{number:05}",
            "creationTimestamp": f"2026-01-0{number}T00:00:00Z",
            "labels": {
                "serving.knative.dev/service": "echo",
                "serving.knative.dev/configurationGeneration": str(number),
            },
        },
        "spec": {"containerConcurrency": 1},
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


def revisions() -> dict[tuple[str, str], dict[str, Any]]:
    made = [revision(1), revision(2), revision(3, ready=False)]
    return {(SPACE, each["metadata"]["name"]): each for each in made}


@pytest.fixture
def objects() -> Objects:
    told = Objects()
    told.take_services({KEY: service()})
    told.take_revisions(revisions())
    return told


def test_a_service_shows_what_its_objects_say(objects: Objects) -> None:
    seen = objects.snapshot("acme", KEY)
    assert (seen.tenant, seen.name, seen.latest) == ("acme", "echo", "echo-00002")
    assert seen.traffic == parse(TRAFFIC)
    assert [(each.name, each.percent, each.tags, each.served) for each in seen.revisions] == [
        ("echo-00003", 0, [], False),
        ("echo-00002", 10, [], True),
        ("echo-00001", 90, ["stable"], True),
    ]
    assert seen.revisions[2].created == 1767225600


def test_what_is_gone_is_not_shown(objects: Objects) -> None:
    objects.take_revisions({(SPACE, "echo-00001"): None, (SPACE, "echo-00003"): None})
    objects.take_revisions({(SPACE, "echo-00001"): None})
    assert [each.name for each in objects.snapshot("acme", KEY).revisions] == ["echo-00002"]
    objects.take_revisions({(SPACE, "echo-00002"): None})
    objects.take_services({KEY: None})
    seen = objects.snapshot("acme", KEY)
    assert (seen.traffic, seen.revisions) == ((), [])


def test_traffic_that_cannot_be_read_is_not_guessed(objects: Objects) -> None:
    objects.take_services({KEY: service([{"configurationName": "echo", "percent": 100}])})
    seen = objects.snapshot("acme", KEY)
    assert seen.traffic == ()
    assert [each.percent for each in seen.revisions] == [0, 0, 0]


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[KnativePlatform]:
    splits = [split("echo-00001", 70, SPACE), split("echo-00002", 30, SPACE)]
    rules = [rule(f"echo.{SPACE}.svc.cluster.local", paths=[path(*splits)])]
    table = Table.of([ingress(*rules, namespace=SPACE, name="echo")])
    with running(tmp_path) as server:
        made = KnativePlatform(
            server.api(), lambda tenant: f"catnap-{tenant}", lambda: table, [("acme", "echo")]
        )
        made.objects.take_services({KEY: service()})
        for take in (made.objects.take_revisions, made.fleet.take_revisions):
            take(revisions())
        yield made
        await made.close()


async def test_the_gateway_adds_what_it_sees(platform: KnativePlatform) -> None:
    found = platform.fleet.get(SPACE, "echo-00001")
    assert found
    found.pods.replace("echo-00001", {"echo-00001-a": Target("10.0.0.1", 8012)})
    assert found.pods.take(None, lambda: 0.0)
    found.pods.relay(2)
    [seen] = platform.snapshot()
    assert seen.traffic == parse(TRAFFIC)
    # As calls meet it: a rollout may be on its way to what is wanted.
    assert [(each.name, each.percent, each.waiting) for each in seen.revisions] == [
        ("echo-00003", 0, 0),
        ("echo-00002", 30, 0),
        ("echo-00001", 70, 2),
    ]
    [pod] = seen.revisions[2].instances
    assert (pod.name, pod.state, pod.inflight) == ("echo-00001-a", "ready", 1)


@pytest.mark.parametrize(
    ("limit", "pods", "relayed", "waiting"),
    [(1, 0, 3, 3), (1, 2, 3, 1), (2, 2, 3, 0), (0, 1, 3, 0), (0, 0, 3, 3), (None, 0, 2, 2)],
)
def test_calls_wait_that_are_more_than_the_places(
    limit: int | None, pods: int, relayed: int, waiting: int
) -> None:
    found = Pods(limit)
    found.replace("echo-00001", {f"pod-{at}": Target("10.0.0.1", at) for at in range(pods)})
    found.relay(relayed)
    assert found.waiting == waiting
