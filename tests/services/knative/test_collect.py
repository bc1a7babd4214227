from __future__ import annotations

from typing import Any

import pytest

from catnap.services.knative.collect import outdated


def revision(number: int, ready: str = "True") -> dict[str, Any]:
    labels = {"serving.knative.dev/configurationGeneration": str(number)}
    return {
        "metadata": {"name": f"echo-{number:05}", "labels": labels},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    }


def service(newest: int, *traffic: int) -> dict[str, Any]:
    """The newest is the one that is ready."""
    name = f"echo-{newest:05}"
    return {
        "spec": {"traffic": [{"latestRevision": True, "percent": 100}]},
        "status": {
            "latestReadyRevisionName": name,
            "latestCreatedRevisionName": name,
            "traffic": [{"revisionName": f"echo-{each:05}", "percent": 1} for each in traffic],
        },
    }


@pytest.mark.parametrize(
    ("revisions", "traffic", "gone"),
    [
        ([1, 2, 3], [3], []),
        ([1, 2, 3, 4, 5], [5], [1, 2]),
        ([9, 10, 8, 11], [11], [8]),
        ([1, 2, 3, 4, 5], [5, 1], [2]),
        ([], [1], []),
    ],
)
def test_the_newest_three_stay_and_whatever_has_traffic(
    revisions: list[int], traffic: list[int], gone: list[int]
) -> None:
    newest = service(max(revisions, default=1), *traffic)
    found = outdated(newest, [revision(each) for each in revisions])
    assert found == [f"echo-{each:05}" for each in gone]


def test_a_revision_that_was_never_ready_does_not_count_among_those_to_go_back_to() -> None:
    broken = [revision(2, "False"), revision(3, "Unknown")]
    found = outdated(service(5, 5), [revision(1), *broken, revision(4), revision(5)])
    assert found == ["echo-00002", "echo-00003"]


def test_a_revision_that_the_service_names_stays_though_it_has_no_traffic_yet() -> None:
    pinned = service(5, 5)
    pinned["spec"]["traffic"] = [{"revisionName": "echo-00001", "percent": 0}]
    assert outdated(pinned, [revision(each) for each in range(1, 6)]) == ["echo-00002"]


def test_the_newest_stays_though_it_is_not_ready() -> None:
    behind = service(4, 4)
    behind["status"]["latestCreatedRevisionName"] = "echo-00005"
    assert outdated(behind, [revision(4), revision(5, "False")]) == []
