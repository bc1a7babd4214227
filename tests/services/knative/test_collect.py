from __future__ import annotations

from typing import Any

from catnap.services.history import KEPT
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


def outdated_of(newest: dict[str, Any], *numbers: int) -> list[int]:
    return [int(name[-5:]) for name in outdated(newest, [revision(each) for each in numbers])]


def test_ten_stay_to_be_gone_back_to_besides_what_has_traffic() -> None:
    last = KEPT + 2
    assert outdated_of(service(last - 1, last - 1), *range(1, last)) == []
    assert outdated_of(service(last, last), *range(1, last + 1)) == [1]
    assert outdated_of(service(last, last, 1), *range(1, last + 1)) == []


def test_the_oldest_are_told_by_their_generation_not_by_their_order() -> None:
    newest = KEPT + 2
    assert outdated_of(service(newest, newest), newest, *range(newest - 1, 0, -1)) == [1]


def test_a_revision_that_was_never_ready_does_not_count_among_those_to_go_back_to() -> None:
    broken = [revision(2, "False"), revision(3, "Unknown")]
    found = outdated(service(5, 5), [revision(1), *broken, revision(4), revision(5)])
    assert found == ["echo-00002", "echo-00003"]


def test_a_revision_that_the_service_names_stays_though_it_has_no_traffic_yet() -> None:
    newest = KEPT + 3
    pinned = service(newest, newest)
    pinned["spec"]["traffic"] = [{"revisionName": "echo-00001", "percent": 0}]
    assert outdated_of(pinned, *range(1, newest + 1)) == [2]


def test_the_newest_stays_though_it_is_not_ready() -> None:
    behind = service(4, 4)
    behind["status"]["latestCreatedRevisionName"] = "echo-00005"
    assert outdated(behind, [revision(4), revision(5, "False")]) == []
