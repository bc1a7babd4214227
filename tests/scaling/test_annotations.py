"""Knative's annotations: their names, defaults and bounds."""

from __future__ import annotations

from typing import Any

import pytest

from catnap.errors import InvalidRequest
from catnap.scaling import Settings, from_annotations, from_values
from catnap.scaling.annotations import PREFIX


def test_without_any_the_settings_are_knative_s() -> None:
    assert from_annotations({}) == from_values({}) == Settings()


@pytest.mark.parametrize(
    ("values", "total", "target"),
    [
        ({"container-concurrency": 10}, 10, 7),
        ({"container-concurrency": 10, "target": 5}, 5, 3.5),
        ({"container-concurrency": 10, "target": 20}, 10, 7),
        ({"target": "0.01"}, 0.01, 0.01),
        ({"target": 200, "target-utilization-percentage": "50"}, 200, 100),
        ({"metric": "rps"}, 200, 140),
        ({"metric": "rps", "container-concurrency": 10, "target": 50}, 50, 35),
    ],
)
def test_the_target_is_a_share_of_what_an_instance_takes(
    values: dict[str, Any], total: float, target: float
) -> None:
    settings = from_values(values)
    assert (settings.total, settings.target) == (total, pytest.approx(target))


@pytest.mark.parametrize(
    ("key", "value", "bounds"),
    [
        ("metric", "cpu", "none of concurrency, rps"),
        ("target", "0.001", "at least 0.01"),
        ("target", "many", "not a number"),
        ("target", True, "not a number"),
        ("target", "1e999", "finite"),
        ("target-utilization-percentage", 101, "from 1 to 100"),
        ("window", "5s", "from 6s to 3600s"),
        ("window", "61m", "from 6s to 3600s"),
        ("window", "10.5s", "more precise than a second"),
        ("window", "ten", "no length of time"),
        ("window", "", "no length of time"),
        ("panic-window-percentage", "0.5", "from 1 to 100"),
        ("panic-threshold-percentage", 100, "from 110 to 1000"),
        ("max-scale-up-rate", 1, "more than 1"),
        ("max-scale-down-rate", 1, "more than 1"),
        ("min-scale", -1, "at least 0"),
        ("max-scale", "1.5", "not a whole number"),
        ("max-scale", 10**20, "at most 2147483647"),
        ("max-scale", "2.0", "not a whole number"),
        ("initial-scale", 0, "at least 1"),
        ("activation-scale", 1, "at least 2"),
        ("scale-down-delay", "500ms", "more precise than a second"),
        ("scale-down-delay", "2h", "from 0s to 3600s"),
        ("target-burst-capacity", -2, "at least 0 or -1"),
        ("scale-to-zero-pod-retention-period", "-1s", "no length of time"),
        ("container-concurrency", 1001, "from 0 to 1000"),
        ("reachable", "perhaps", "neither true nor false"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_its_key(key: str, value: object, bounds: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{key}: .*{bounds}"):
        from_values({key: value})


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ({"min-scale": 3, "max-scale": 2}, "max-scale"),
        ({"min-scale": 3, "activation-scale": 2}, "activation-scale"),
        ({"max-scale": 2, "activation-scale": 3}, "activation-scale"),
    ],
)
def test_bounds_that_exclude_each_other_are_refused(values: dict[str, int], refused: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{refused}: "):
        from_values(values)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1m30s", 90), ("1.5m", 90), ("1h", 3600), (90, 90)]
)
def test_a_window_is_written_as_in_go_or_as_seconds(text: object, seconds: float) -> None:
    assert from_values({"window": text}).window == seconds


def test_an_unknown_annotation_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(InvalidRequest, match=r"autoscaling\.knative\.dev/min-scales.*'min-scale'"):
        from_annotations({PREFIX + "min-scales": "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("class", "hpa.autoscaling.knative.dev"),
        ("metric-aggregation-algorithm", "weighted-exponential"),
        ("max-scale-up-rate", "10"),
        ("reachable", "false"),
    ],
)
def test_what_is_not_supported_is_refused_by_its_name(name: str, value: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^annotation {PREFIX}{name}: "):
        from_annotations({PREFIX + name: value})


def test_a_bad_value_is_refused_by_the_annotation_s_whole_name() -> None:
    with pytest.raises(InvalidRequest, match=f"^annotation {PREFIX}window: 5s is not"):
        from_annotations({PREFIX + "window": "5s"})


def test_the_old_spelling_counts_where_the_new_is_not_given() -> None:
    assert from_annotations({PREFIX + "minScale": "2"}).min_scale == 2
    both = {PREFIX + "minScale": "2", PREFIX + "min-scale": "3"}
    assert from_annotations(both).min_scale == 3


def test_other_annotations_are_somebody_else_s() -> None:
    both = {"example.com/window": "1s", PREFIX + "class": "kpa.autoscaling.knative.dev"}
    assert from_annotations(both, container_concurrency=0) == Settings()
