"""Revisions and their pods, from what the cluster tells in any order."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from catnap.http import Target
from catnap.services.knative import fleet as module
from catnap.services.knative.fleet import Fleet

REVISION = ("acme", "echo-00001")


def revision(concurrency: int = 1, **annotations: str) -> dict[str, Any]:
    about = {f"catnap.dev/{name.replace('_', '-')}": text for name, text in annotations.items()}
    return {
        "metadata": {
            "namespace": "acme",
            "name": "echo-00001",
            "labels": {"serving.knative.dev/service": "echo"},
            "annotations": about,
        },
        "spec": {"containerConcurrency": concurrency},
    }


def slice_of(*pods: str) -> dict[str, Any]:
    endpoints = [
        {
            "addresses": [f"10.0.0.{number}"],
            "conditions": {"ready": True},
            "targetRef": {"kind": "Pod", "name": name},
        }
        for number, name in enumerate(pods)
    ]
    labels = {"serving.knative.dev/revision": "echo-00001"}
    return {
        "metadata": {"namespace": "acme", "labels": labels},
        "endpoints": endpoints,
        "ports": [{"name": "http", "port": 8012}],
    }


@pytest.fixture
def gone() -> list[Target]:
    return []


@pytest.fixture
def fleet(gone: list[Target]) -> Fleet:
    return Fleet(lambda pod: gone.append(pod.target))


def names(fleet: Fleet) -> set[str]:
    found = fleet.get(*REVISION)
    taken = (found.pods.take(None, random.random) for _ in range(20)) if found else ()
    return {pod.name for pod in taken if pod}


@pytest.mark.parametrize("pods_first", [True, False])
def test_a_pod_takes_calls_once_it_and_its_revision_are_known(
    fleet: Fleet, *, pods_first: bool
) -> None:
    def tell(pods: bool) -> None:
        if pods:
            fleet.take_slices({("acme", "one"): slice_of("a")})
        else:
            fleet.take_revisions({REVISION: revision()})

    tell(pods_first)
    assert names(fleet) == set()
    tell(not pods_first)
    assert names(fleet) == {"a"}


def test_several_slices_make_up_one_service(fleet: Fleet) -> None:
    fleet.take_revisions({REVISION: revision(0)})
    fleet.take_slices({("acme", "one"): slice_of("a"), ("acme", "two"): slice_of("a", "b")})
    assert names(fleet) == {"a", "b"}
    fleet.take_slices({("acme", "two"): None})
    assert names(fleet) == {"a"}


def test_places_where_there_is_no_pod_any_more_are_told(fleet: Fleet, gone: list[Target]) -> None:
    fleet.take_revisions({REVISION: revision(0)})
    fleet.take_slices({("acme", "one"): slice_of("a", "b")})
    fleet.take_slices({("acme", "one"): slice_of("a")})
    assert gone == [Target("10.0.0.1", 8012)]
    fleet.take_slices({("acme", "one"): None})
    assert gone[1:] == [Target("10.0.0.0", 8012)]


def test_a_revision_that_is_deleted_takes_no_calls_and_is_forgotten(fleet: Fleet) -> None:
    fleet.take_revisions({REVISION: revision(0)})
    fleet.take_slices({("acme", "one"): slice_of("a")})
    fleet.take_revisions({REVISION: None})
    assert names(fleet) == set()
    assert list(fleet.of("acme", "echo")) == []
    fleet.take_slices({("acme", "one"): None})
    assert fleet.get(*REVISION) is None


def test_a_revision_says_whether_its_sessions_keep_their_pod(fleet: Fleet) -> None:
    fleet.take_revisions({REVISION: revision(0)})
    found = fleet.get(*REVISION)
    assert found
    assert (found.affinity, found.session_idle) == (True, 900.0)
    told = revision(0, session_affinity="false", session_idle="5m", session_max="40")
    fleet.take_revisions({REVISION: told})
    assert (found.affinity, found.session_idle, found.session_max) == (False, 300.0, 40)
    fleet.take_revisions({REVISION: revision(0, session_idle="for ever")})
    assert found.session_idle == 300.0


def test_what_cannot_be_read_keeps_nobody_else_from_being_called(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    fleet.take_revisions({REVISION: revision(0)})
    broken = {**slice_of("a"), "endpoints": [{"addresses": 3}]}
    fleet.take_slices({("acme", "bad"): broken, ("acme", "good"): slice_of("b")})
    assert names(fleet) == {"b"}
    assert "acme/bad" in caplog.text


async def test_a_pod_that_did_not_answer_is_tried_again_in_a_while(
    fleet: Fleet, gone: list[Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DOUBT", 0.0)
    fleet.take_revisions({REVISION: revision(0)})
    fleet.take_slices({("acme", "one"): slice_of("a", "b")})
    found = fleet.get(*REVISION)
    assert found
    pod = found.pods.named("a")
    assert pod
    fleet.lose("acme", pod)
    assert names(fleet) == {"b"}
    assert gone == [Target("10.0.0.0", 8012)]
    while not found.pods.named("a"):
        await asyncio.sleep(0)
    assert names(fleet) == {"a", "b"}
