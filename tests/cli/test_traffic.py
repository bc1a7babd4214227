"""catnap traffic, rollback and revisions on a cluster: an API server that says
what Knative's says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Cli, Outcome
from tests.services.knative.apiserver import Answer, ApiServer, running, status

PLACE = "/apis/serving.knative.dev/v1/namespaces/catnap-default"
SERVICE, REVISIONS = f"{PLACE}/services/echo", f"{PLACE}/revisions"

Run = Callable[..., Outcome]


def service(*traffic: dict[str, Any], version: str = "7") -> Answer:
    return Answer(
        body={
            "metadata": {"name": "echo", "resourceVersion": version},
            "spec": {"template": {}, "traffic": list(traffic)},
            "status": {"latestReadyRevisionName": "echo-00003"},
        }
    )


def revision(number: int, *, ready: bool = True) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"echo-{number:05}",
            "creationTimestamp": f"2026-01-0{number}T00:00:00Z",
            "labels": {"serving.knative.dev/configurationGeneration": str(number)},
        },
        "status": {"conditions": [{"type": "Ready", "status": str(ready)}]},
    }


ALL = {"latestRevision": True, "percent": 100}


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ApiServer]:
    with running(tmp_path) as told:
        found = [revision(1), revision(3), revision(2, ready=False)]
        told.answer(REVISIONS, Answer(body={"items": found}))
        yield told


@pytest.fixture
def at(alone: Cli, cluster: ApiServer) -> Run:
    return lambda *argv: alone(*argv, "--kubeconfig", str(cluster.kubeconfig))


def test_revisions_are_listed_the_newest_first(at: Run, cluster: ApiServer) -> None:
    cluster.answer(SERVICE, service(ALL))
    done = at("revisions", "echo")
    assert done.status == 0
    assert [line.split()[0] for line in done.out.splitlines()[1:]] == [
        "echo-00003",
        "echo-00002",
        "echo-00001",
    ]
    [asked] = [each for each in cluster.asked if each.path == REVISIONS]
    assert asked.query == {"labelSelector": "serving.knative.dev/service=echo"}


def test_traffic_is_a_patch_of_the_service(at: Run, cluster: ApiServer) -> None:
    wanted = [
        {"revisionName": "echo-00001", "percent": 90},
        {"latestRevision": True, "percent": 10},
    ]
    cluster.answer(SERVICE, service(ALL), service(), service(*wanted))
    done = at("traffic", "echo", "--to", "1=90", "--to", "latest=10")
    assert done.status == 0, done.err
    [patch] = [each for each in cluster.asked if each.method == "PATCH"]
    assert patch.body == {"metadata": {"resourceVersion": "7"}, "spec": {"traffic": wanted}}
    assert patch.headers["Content-Type"] == "application/merge-patch+json"
    assert "90 %" in done.out


def test_rollback_passes_over_what_was_never_ready(at: Run, cluster: ApiServer) -> None:
    pinned = {"revisionName": "echo-00001", "percent": 100}
    cluster.answer(SERVICE, service(ALL), service(), service(pinned))
    assert at("rollback", "echo").status == 0
    [patch] = [each for each in cluster.asked if each.method == "PATCH"]
    assert patch.body["spec"] == {"traffic": [pinned]}


def test_what_the_cluster_has_against_it_is_said(at: Run, cluster: ApiServer) -> None:
    cluster.answer(
        SERVICE, service(ALL), Answer(403, status(403, "Forbidden", "may not patch services"))
    )
    done = at("traffic", "echo", "--to", "1=100")
    assert (done.status, "may not patch services" in done.err) == (3, True)


def test_what_knative_writes_meanwhile_is_no_conflict(at: Run, cluster: ApiServer) -> None:
    pinned = {"revisionName": "echo-00001", "percent": 100}
    conflict = Answer(409, status(409, "Conflict", "the object has been modified"))
    cluster.answer(SERVICE, service(ALL), conflict, service(ALL, version="8"), service(pinned))
    assert at("rollback", "echo").status == 0
    patches = [each.body["metadata"] for each in cluster.asked if each.method == "PATCH"]
    assert patches == [{"resourceVersion": "7"}, {"resourceVersion": "8"}]


def test_traffic_that_somebody_else_changes_meanwhile_is_not_overwritten(
    at: Run, cluster: ApiServer
) -> None:
    theirs = {"revisionName": "echo-00002", "percent": 100}
    conflict = Answer(409, status(409, "Conflict", "the object has been modified"))
    cluster.answer(SERVICE, service(ALL), conflict, service(theirs))
    done = at("rollback", "echo")
    assert (done.status, "somebody else" in done.err) == (5, True), done.err
    assert len([each for each in cluster.asked if each.method == "PATCH"]) == 1


@pytest.mark.parametrize(
    "command", [("rollback", "echo"), ("traffic", "echo", "--tag", "stable=1")]
)
def test_a_clusters_gateway_is_not_asked_to_change_traffic(
    alone: Cli, cluster: ApiServer, command: tuple[str, ...]
) -> None:
    """What it shows of a skill has no version that could be changed there."""
    seen = {"tenant": "default", "name": "echo", "revisions": [{"name": "echo-00001"}]}
    cluster.answer("/platform/skills/echo", Answer(body=seen))
    done = alone(*command, "--http", cluster.api().server.removeprefix("http://"))
    assert (done.status, "--kubeconfig" in done.err) == (2, True), done.err
    assert [each.method for each in cluster.asked] == ["GET"]


@pytest.mark.parametrize(
    "percent", ["-1", "101", "1000", "9" * 5000, "nan", "5.5", "²", "", "%", "1%%", "0x1"]
)
def test_a_percentage_is_from_0_to_100(alone: Cli, percent: str) -> None:
    done = alone("traffic", "echo", "--to", f"1={percent}")
    assert (done.status, "Error" in done.err or "catnap:" in done.err) == (2, True)


def test_a_skill_that_is_not_there_is_not_found(at: Run) -> None:
    assert at("traffic", "ecko").status == 4
