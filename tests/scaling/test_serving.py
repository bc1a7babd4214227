"""What Knative Serving itself decided.

serving.jsonl was recorded from the Go packages of Serving 0.42 (release 1.15):
settings through MakeDecider, observations through autoscaler.Scale with
ScaleBounds after it, windows through aggregation.TimedFloat64Buckets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.scaling import Observation, State, decide, from_values
from catnap.scaling.window import Window


def recorded(first: str) -> Iterator[tuple[Any, list[Any]]]:
    """Each line that has this key, and the lines that belong to it."""
    belonging: list[Any] | None = None
    for text in Path(__file__).with_name("serving.jsonl").read_bytes().splitlines():
        line = msgspec.json.decode(text)
        if first in line:
            belonging = []
            yield line[first], belonging
        elif "settings" in line or "window" in line:
            belonging = None
        elif belonging is not None:
            belonging.append(line)


def test_every_trace_is_decided_as_serving_did() -> None:
    traces = list(recorded("settings"))
    assert len(traces) == 60
    for values, lines in traces:
        settings, state = from_values(values), State()
        for line in lines:
            seen = Observation(line["t"], line["stable"], line["panic"], line["ready"])
            state, found = decide(settings, state, seen)
            expected = (line["want"], line["excess_burst_capacity"])
            assert (found.want, found.excess_burst_capacity) == expected, (values, line)


def test_every_average_is_serving_s_but_for_its_drift() -> None:
    windows = list(recorded("window"))
    assert len(windows) == 12
    for seconds, lines in windows:
        window = Window(seconds)
        for line in lines:
            if "record" in line:
                window.record(line["t"], line["record"])
            else:
                assert window.average(line["t"]) == pytest.approx(line["average"], abs=1.5e-6)
