"""How many instances: examples of each rule, and what always holds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.scaling import Load, Scale, want

TEN = Scale(min=0, max=0, target=7.0, capacity=10.0)


@pytest.mark.parametrize(
    ("average", "at_once", "wanted"),
    [
        (0.0, 0, 0),
        (0.0, 1, 1),
        (0.0, 10, 1),
        (0.0, 11, 2),
        (0.0, 100, 10),
        (7.0, 0, 1),
        (7.1, 0, 2),
        (0.0009, 0, 0),
        (0.001, 0, 1),
        (35.0, 3, 5),
    ],
)
def test_enough_for_the_load_now_and_over_time(average: float, at_once: int, wanted: int) -> None:
    assert want(TEN, average, at_once) == wanted


@pytest.mark.parametrize(
    ("low", "high", "at_once", "wanted"), [(2, 0, 0, 2), (0, 3, 1000, 3), (2, 3, 15, 2)]
)
def test_bounds_come_last(low: int, high: int, at_once: int, wanted: int) -> None:
    assert want(Scale(low, high, 7.0, 10.0), 0.0, at_once) == wanted


def test_an_exact_multiple_of_the_target_is_no_more_than_that() -> None:
    assert want(Scale(0, 0, 3 * 0.7, 3.0), 2.1, 0) == 1


@given(
    st.integers(0, 5),
    st.integers(0, 50),
    st.floats(0.01, 1000),
    st.floats(0, 10_000),
    st.integers(0, 10_000),
)
def test_what_always_holds(low: int, more: int, target: float, average: float, busy: int) -> None:
    scale = Scale(low, low + more, target, max(1.0, target))
    wanted = want(scale, average, busy)
    assert wanted >= low
    if scale.max:
        assert wanted <= scale.max
    if busy and scale.max != 0:
        assert wanted >= 1
    assert want(scale, average, busy + 1) >= wanted
    assert want(scale, average + 1, busy) >= wanted


# --- the average ---------------------------------------------------------------


def test_nothing_yet_is_no_load() -> None:
    assert Load(60).average(5) == 0.0


def test_the_average_is_over_the_time_there_was() -> None:
    load = Load(60)
    load.set(0, 4)
    load.set(10, 0)
    assert load.average(10) == 4.0
    assert load.average(20) == 2.0
    assert load.average(40) == 1.0


def test_what_is_older_than_the_window_does_not_count() -> None:
    load = Load(60)
    load.set(0, 60)
    load.set(1, 0)
    assert load.average(60) == 1.0
    assert load.average(60.5) == pytest.approx(0.5)
    assert load.average(61) == 0.0


def test_load_that_lasts_counts_in_full_however_long_ago_it_began() -> None:
    load = Load(60)
    load.set(0, 3)
    assert load.average(0) == 3.0
    assert load.average(100_000) == 3.0


def test_of_changes_at_one_moment_the_last_counts() -> None:
    load = Load(60)
    for concurrency in (1, 5, 2):
        load.set(7, concurrency)
    assert load.average(8) == 2.0


@given(st.lists(st.tuples(st.floats(0.001, 50), st.integers(0, 100)), min_size=1, max_size=50))
def test_the_average_lies_between_what_there_was(steps: list[tuple[float, int]]) -> None:
    load, now = Load(60), 0.0
    seen = []
    for elapsed, concurrency in steps:
        load.set(now, concurrency)
        seen.append(concurrency)
        now += elapsed
    assert min(seen) - 1e-9 <= load.average(now) <= max(seen) + 1e-9


def test_a_year_of_calls_is_kept_in_the_memory_of_a_window() -> None:
    load = Load(60)
    for second in range(10_000):
        load.set(float(second), second % 3)
    assert len(load._samples) <= 62
