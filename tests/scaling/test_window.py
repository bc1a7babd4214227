"""Averages over the windows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catnap.scaling import from_values
from catnap.scaling.window import Meter, Window


def test_nothing_yet_is_no_load() -> None:
    assert Window(60).average(5) == 0.0


def test_the_average_is_over_the_seconds_there_were() -> None:
    window = Window(60)
    window.record(10, 4.0)
    assert window.average(10) == 4.0
    window.record(13, 0.0)
    assert window.average(13) == 1.0


def test_the_time_after_the_last_record_does_not_count() -> None:
    window = Window(6)
    for second in range(10, 16):
        window.record(second, 5.0)
    assert window.average(18) == 5.0
    assert window.average(21) == 0.0


def test_what_is_older_than_the_window_is_forgotten() -> None:
    window = Window(3)
    for second, value in enumerate([9.0, 0.0, 0.0, 3.0]):
        window.record(second, value)
    assert window.average(3) == 1.0


def test_after_a_silent_window_history_begins_anew() -> None:
    window = Window(3)
    window.record(0, 9.0)
    window.record(3, 4.0)
    assert window.average(3) == 4.0


def test_an_average_is_cut_to_six_digits() -> None:
    window = Window(3)
    for second, value in enumerate([1.0, 1.0, 0.0]):
        window.record(second, value)
    assert window.average(2) == 0.666666


def test_records_of_one_second_add_up() -> None:
    window = Window(3)
    window.record(0, 1.0)
    window.record(0, 2.0)
    assert window.average(0) == 3.0


def test_calls_count_for_as_long_as_they_are_there() -> None:
    meter = Meter(from_values({}), 0.0)
    meter.set(0.0, 4, 1)
    meter.set(0.25, 0, 1)
    assert meter.averages(0.9) == (0.0, 0.0)
    assert meter.averages(1.0) == (1.0, 1.0)
    assert meter.averages(10.0) == (0.1, 0.0)


def test_load_that_lasts_counts_in_full_however_long_ago_it_began() -> None:
    meter = Meter(from_values({}), 0.0)
    meter.set(0.0, 3, 1)
    assert meter.averages(100_000.0) == (3.0, 3.0)
    assert meter.averages(100_007.5) == (3.0, 3.0)


def test_calls_are_counted_by_their_arrival_where_the_rate_is_the_metric() -> None:
    meter = Meter(from_values({"metric": "rps"}), 0.0)
    meter.set(0.0, 1, 1)
    for _ in range(3):
        meter.arrived(0.5)
    assert meter.averages(1.0) == (3.0, 3.0)
    assert meter.averages(2.0) == (1.5, 1.5)


def test_without_instances_and_calls_nobody_reports() -> None:
    meter = Meter(from_values({"window": "6s"}), 0.0)
    meter.set(100.0, 2, 0)
    assert meter.averages(101.0) == (2.0, 2.0)


@pytest.mark.parametrize(
    ("window", "percentage", "panic"), [("60s", 10, 6), ("65s", 10, 7), ("6s", 1, 1), ("9s", 50, 5)]
)
def test_the_panic_window_is_whole_seconds_and_at_least_one(
    window: str, percentage: float, panic: float
) -> None:
    found = from_values({"window": window, "panic-window-percentage": percentage})
    assert found.panic_window == panic


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 50), st.integers(0, 100)), min_size=1, max_size=50))
def test_the_average_lies_between_what_there_was(steps: list[tuple[float, int]]) -> None:
    meter, now, seen = Meter(from_values({}), 0.0), 0.0, [0]
    for elapsed, calls in steps:
        meter.set(now, calls, 1)
        seen.append(calls)
        now += elapsed
        assert all(0 <= average <= max(seen) for average in meter.averages(now))
