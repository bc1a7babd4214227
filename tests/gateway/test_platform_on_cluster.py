"""/platform of a gateway that runs on a cluster: a server that plays its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catnap.services.cluster.skill import Skill, cluster_service
from catnap.services.knative import catalog, endpoints, fleet, kingress
from catnap.services.knative.ingress import NAMESPACES
from catnap.skills.manifest import parse_manifest
from tests.gateway.world import World, running
from tests.services.knative import apiserver
from tests.services.knative.apiserver import Answer, ApiServer
from tests.services.knative.objects import route, split

SPACE = "catnap-default"
TRAFFIC = [
    {"revisionName": "echo-00001", "percent": 100},
    {"latestRevision": True, "tag": "next"},
]
WHY = "Revision 'echo-00003' failed: no such image"


def service() -> dict[str, Any]:
    manifest = parse_manifest('name = "echo"\ndescription = "Answers."\n')
    made = cluster_service(
        Skill(manifest=manifest, image="echo:1"), tenant="default", install="catnap"
    )
    made["metadata"]["resourceVersion"] = "1"
    made["spec"]["traffic"] = TRAFFIC
    conditions = [{"type": "ConfigurationsReady", "status": "False", "message": WHY}]
    return {**made, "status": {"latestReadyRevisionName": "echo-00002", "conditions": conditions}}


def revision(number: int) -> dict[str, Any]:
    template = service()["spec"]["template"]
    return {
        "metadata": {
            **template["metadata"],
            "namespace": SPACE,
            "name": f"echo-{number:05}",
            "resourceVersion": "1",
            "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {
                "serving.knative.dev/service": "echo",
                "serving.knative.dev/configurationGeneration": str(number),
            },
        },
        "spec": template["spec"],
        "status": {"conditions": [{"type": "Ready", "status": str(number < 3)}]},
    }


def tell(server: ApiServer) -> None:
    labels, about = {"catnap.dev/install": "catnap"}, {"catnap.dev/tenant": "default"}
    meta = {"name": SPACE, "resourceVersion": "1", "labels": labels, "annotations": about}
    ours = {**labels, "serving.knative.dev/service": "echo"}
    for path, objects in {
        NAMESPACES: [{"metadata": meta}],
        kingress.PATH: [
            route(split("echo-00001", namespace=SPACE), name="echo", namespace=SPACE, labels=ours)
        ],
        catalog.PATH: [service()],
        fleet.PATH: [revision(number) for number in (1, 2, 3)],
        endpoints.PATH: [],
    }.items():
        items = {"apiVersion": "v1", "kind": "ThingList", "metadata": {"resourceVersion": "1"}}
        server.answer(path, Answer(body={**items, "items": objects}))
        server.answer(f"{path}?watch", Answer(events=(), then="hold"))


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    with apiserver.running(tmp_path) as server:
        tell(server)
        monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig))
        monkeypatch.chdir(tmp_path)
        async with running(tmp_path, platform="knative") as world:
            yield world


async def test_it_shows_traffic_tags_and_why_an_edit_is_not_served(world: World) -> None:
    _, seen = await world.ask("GET", "/platform")
    assert (seen["platform"], seen["problems"]) == ("knative", {"echo": WHY})
    [echo] = seen["services"]
    assert echo["traffic"] == TRAFFIC
    assert [
        (each["name"], each["latest"], each["percent"], each["tags"], each["served"])
        for each in echo["revisions"]
    ] == [
        ("echo-00003", False, 0, [], False),
        ("echo-00002", True, 0, ["next"], True),
        ("echo-00001", False, 100, [], True),
    ]


async def test_it_gives_no_version_that_traffic_could_be_changed_by(world: World) -> None:
    seen = await world.request("GET", "/platform/skills/echo")
    assert (seen.status, seen.json["name"]) == (200, "echo")
    assert b"etag" not in seen.headers
    for command in (("rollback", "echo"), ("traffic", "echo", "--tag", "stable=1")):
        status, out, err = await world.cli(*command)
        assert (status, out) == (2, "")
        assert "--kubeconfig" in err


async def test_the_commands_that_look_see_the_same(world: World) -> None:
    status, out, err = await world.cli("revisions", "echo")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()[1:]] == [
        "echo-00003",
        "echo-00002",
        "echo-00001",
    ]
    assert "pinned" in err
    _, out, err = await world.cli("status")
    assert "next" in out
    assert WHY in err
