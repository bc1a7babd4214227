"""Traces of arrivals."""

from __future__ import annotations

import pytest

from catnap.errors import InvalidRequest
from catnap.scaling.trace import read_trace


def read(*lines: str) -> dict[str, list[tuple[float, float]]]:
    found = read_trace(lines, "calls.csv")
    return {
        skill: list(zip(each.times, each.durations, strict=True)) for skill, each in found.items()
    }


def test_each_skill_has_its_calls_in_the_order_of_their_arrival() -> None:
    assert read("2.5,b,1", "1,a,0.1", "2,b,0.25") == {
        "a": [(1.0, 0.1)],
        "b": [(2.0, 0.25), (2.5, 1.0)],
    }


def test_a_heading_may_order_the_columns_otherwise_and_name_others() -> None:
    assert read("skill,who,Duration,time", "a,ada,0.5,7") == {"a": [(7.0, 0.5)]}


def test_times_may_be_dates_and_durations_have_units() -> None:
    assert read("1970-01-01T00:01:00Z,a,250ms") == {"a": [(60.0, 0.25)]}


def test_empty_lines_are_left_out() -> None:
    assert read("1,a,1", "", "2,a,1") == {"a": [(1.0, 1.0), (2.0, 1.0)]}


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ((), "no calls"),
        (("time,skill,duration",), "no calls"),
        (("time,skill",), "line 1: the heading names no column 'duration'"),
        (("1,a,1", "2,a"), "line 2: too few columns"),
        (("1,a,1", "soon,a,1"), "line 2: time: 'soon'"),
        (("1,a,long",), "line 1: duration: 'long'"),
        (("1,a,-1",), "line 1: .*out of all bounds"),
        (("nan,a,1",), "line 1: .*out of all bounds"),
        (("1,,1",), "line 1: skill: '' is no name"),
        (("1,a,1", "1,  ,1"), "line 2: skill: '  ' is no name"),
        (('1,"a\x1b[2J",1',), "line 1: skill: .* is no name"),
        (("1,a,1", "2026-01-01T00:00:00,a,1"), "line 2: time: a date, while"),
        (("2026-01-01T00:00:00,a,1s", "1,b,1"), "line 1: time: a date, while"),
    ],
)
def test_what_cannot_be_read_is_told_by_its_line(lines: tuple[str, ...], told: str) -> None:
    with pytest.raises(InvalidRequest, match=f"calls.csv.*{told}"):
        read(*lines)
