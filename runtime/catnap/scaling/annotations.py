"""Settings by the names and within the bounds of Knative's annotations.

Source: Knative Serving, apis/autoscaling/annotation_validation.go, and the
defaults of its ConfigMap config-autoscaler, but for the grace period: none.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from catnap.errors import InvalidRequest
from catnap.errors.nearest import nearest
from catnap.scaling.settings import Settings
from catnap.scaling.values import count, flag, number, one_of, seconds

PREFIX = "autoscaling.knative.dev/"
CLASS = "kpa.autoscaling.knative.dev"
MIN_TARGET = 0.01
_HOUR = 3600.0

_ANNOTATIONS: dict[str, Callable[[object], Any]] = {
    "metric": one_of("concurrency", "rps"),
    "target": number(MIN_TARGET),
    "target-utilization-percentage": number(1, 100),
    "window": seconds(6, _HOUR, whole=True),
    "panic-window-percentage": number(1, 100),
    "panic-threshold-percentage": number(110, 1000),
    "min-scale": count(0),
    "max-scale": count(0),
    "initial-scale": count(1),
    "activation-scale": count(2),
    "scale-down-delay": seconds(0, _HOUR, whole=True),
    "target-burst-capacity": number(0, also=-1),
    "scale-to-zero-pod-retention-period": seconds(0, _HOUR),
}
_BESIDES: dict[str, Callable[[object], Any]] = {
    "max-scale-up-rate": number(1, above=True),
    "max-scale-down-rate": number(1, above=True),
    "scale-to-zero-grace-period": seconds(0, _HOUR),
    "container-concurrency": count(0, 1000),
    "reachable": flag,
}
"""What Knative has for a whole cluster, or in another place of the object."""

_READERS = _ANNOTATIONS | _BESIDES
KEYS = tuple(_READERS)
_FIELDS = {
    "scale-to-zero-pod-retention-period": "retention",
    "scale-to-zero-grace-period": "grace",
}
_FIXED = {"class": ("", CLASS), "metric-aggregation-algorithm": ("", "linear")}
_OLD_SPELLINGS = {
    re.sub("-(.)", lambda found: found[1].upper(), name): name
    for name in (*_ANNOTATIONS, *_FIXED)
    if name not in ("activation-scale", "class")
}
"""minScale and its like, which Serving still takes where the new one is not given."""


def from_annotations(annotations: Mapping[str, str], container_concurrency: int = 0) -> Settings:
    """The settings of a revision by its template's annotations; those of other
    domains are not looked at.

    Raises InvalidRequest naming the annotation that is unknown or out of bounds.
    """
    given = {
        name.removeprefix(PREFIX): value
        for name, value in annotations.items()
        if name.startswith(PREFIX)
    }
    for old in [name for name in given if name in _OLD_SPELLINGS]:
        given.setdefault(_OLD_SPELLINGS[old], given.pop(old))
    for name, allowed in _FIXED.items():
        value = given.pop(name, "")
        if value not in allowed:
            raise InvalidRequest(
                f"annotation {PREFIX}{name}: {value!r} is not supported, only {allowed[1]}"
            )
    for name in given:
        if name in _BESIDES:
            raise InvalidRequest(f"annotation {PREFIX}{name}: no revision has it for itself")
        if name not in _ANNOTATIONS:
            raise InvalidRequest(
                f"annotation {PREFIX}{name}: not supported, {nearest(name, _ANNOTATIONS)}"
            )
    try:
        return from_values({**given, "container-concurrency": container_concurrency})
    except InvalidRequest as error:
        raise InvalidRequest(f"annotation {PREFIX}{error.message}") from None


def from_values(values: Mapping[str, object]) -> Settings:
    """The settings by the annotations' last part (see KEYS). A value is a
    number or an annotation's text; a time without a unit is in seconds.

    Raises InvalidRequest, its message beginning with the key.
    """
    read: dict[str, Any] = {}
    for key, value in values.items():
        if key not in _READERS:
            raise InvalidRequest(f"{key}: unknown, {nearest(key, _READERS)}")
        try:
            read[key] = _READERS[key](value)
        except ValueError as error:
            raise InvalidRequest(f"{key}: {error}") from None
    _check_together(read)
    total = _total(read)
    window = read.get("window", Settings().window)
    panic_window = window * read.pop("panic-window-percentage", 10) / 100
    threshold = read.pop("panic-threshold-percentage", 200) / 100
    utilization = read.pop("target-utilization-percentage", 70) / 100
    read.pop("target", None)
    return Settings(
        **{_FIELDS.get(key, key.replace("-", "_")): value for key, value in read.items()},
        total=total,
        target=max(MIN_TARGET, total * utilization),
        panic_window=max(1.0, float(math.floor(panic_window + 0.5))),
        panic_threshold=threshold,
    )


def _check_together(read: Mapping[str, Any]) -> None:
    low, high = read.get("min-scale", 0), read.get("max-scale", 0)
    first = read.get("activation-scale")
    if high and high < low:
        raise InvalidRequest(f"max-scale: {high} is less than min-scale, {low}")
    if first is not None and first < low:
        raise InvalidRequest(f"activation-scale: {first} is less than min-scale, {low}")
    if first is not None and high and high < first:
        raise InvalidRequest(f"activation-scale: {first} is more than max-scale, {high}")


def _total(read: Mapping[str, Any]) -> float:
    """What one instance can take. Source: Knative Serving, ResolveMetricTarget."""
    limit = read.get("container-concurrency", 0)
    target = read.get("target")
    if read.get("metric") == "rps":
        return float(target or 200)
    if target is None:
        return float(limit or 100)
    return float(min(target, limit) if limit else target)
