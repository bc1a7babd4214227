from __future__ import annotations

from typing import Any

import pytest

from catnap.services.knative.diff import ABSENT, Change, changes


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2}, [("a", 1, 2)]),
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, [("a.c", ABSENT, 2)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, [("a.c", 2, ABSENT)]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [("a", [1, 2], [2, 1])]),
        (
            {"env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "1"}]},
            {"env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
            [("env[Y].value", "1", "2")],
        ),
        (
            {"env": [{"name": "X", "value": "1"}]},
            {"env": [{"name": "Z", "value": "3"}]},
            [
                ("env[Z]", ABSENT, {"name": "Z", "value": "3"}),
                ("env[X]", {"name": "X", "value": "1"}, ABSENT),
            ],
        ),
        (
            {"env": [{"name": "X"}, {"name": "Y"}]},
            {"env": [{"name": "Y"}, {"name": "X"}]},
            [("env[order]", ["X", "Y"], ["Y", "X"])],
        ),
        # Two ports may have one number, and then nothing has a name of its own.
        (
            {"a": [{"name": "x"}, {"name": "x"}]},
            {"a": [{"name": "x"}]},
            [("a", [{"name": "x"}] * 2, [{"name": "x"}])],
        ),
    ],
)
def test_each_field_that_differs_is_told_with_its_path(
    old: Any, new: Any, found: list[tuple[str, Any, Any]]
) -> None:
    assert changes(old, new) == tuple(Change(*each) for each in found)


def test_what_the_server_writes_by_itself_is_no_change() -> None:
    live = {
        "metadata": {
            "resourceVersion": "1",
            "generation": 1,
            "managedFields": [],
            "annotations": {"serving.knative.dev/lastModifier": "ada", "x": "1"},
        },
        "status": {"a": 1},
    }
    wanted = {
        "metadata": {
            "resourceVersion": "2",
            "generation": 2,
            "managedFields": [{}],
            "annotations": {"serving.knative.dev/lastModifier": "ben", "x": "2"},
        }
    }
    assert changes(live, wanted) == (Change("metadata.annotations.x", "1", "2"),)


def test_the_values_of_a_secret_are_not_told() -> None:
    found = changes({"data": {"key": "b2xk"}}, {"kind": "Secret", "data": {"key": "bmV3"}})
    assert Change("data.key", "(secret)", "(secret)") in found
    assert "bmV3" not in repr(found)
