"""Each of the autoscaler's rules, by an example."""

from __future__ import annotations

import pytest

from catnap.scaling import Decision, Observation, Settings, State, decide
from tests.scaling.traces import decisions, given

TEN = given(container_concurrency=10)
"""Seven calls at once are the target of an instance."""


def one(settings: Settings, stable: float, panic: float = 0.0, ready: int = 1) -> Decision:
    """The decision of an autoscaler that is no longer new."""
    return decide(settings, State(new=False), Observation(100.0, stable, panic, ready))[1]


def wants(settings: Settings, *seen: tuple[float, float, float, int]) -> list[int]:
    return [each.want for each in decisions(settings, [Observation(*each) for each in seen])]


@pytest.mark.parametrize(("stable", "want"), [(0, 0), (0.1, 1), (7, 1), (7.000001, 2), (70, 10)])
def test_the_average_over_the_target_is_rounded_up(stable: float, want: int) -> None:
    assert one(TEN, stable) == Decision(want, False, -201, "stable average")


@pytest.mark.parametrize(("ready", "want"), [(0, 20), (1, 20), (3, 60)])
def test_up_goes_at_most_by_the_rate_and_none_ready_counts_as_one(ready: int, want: int) -> None:
    found = one(given(max_scale_up_rate=20, target=1), 1000, ready=ready)
    assert (found.want, found.why) == (want, "max-scale-up-rate")


def test_a_rate_that_would_stay_where_it_is_is_rounded_up() -> None:
    assert one(given(max_scale_up_rate=1.1, target=1), 1000, ready=2).want == 3


@pytest.mark.parametrize(("ready", "want"), [(0, 0), (1, 0), (5, 2), (8, 4)])
def test_down_goes_at_most_to_the_half_rounded_down(ready: int, want: int) -> None:
    assert one(TEN, 0, ready=ready).want == want


def test_a_revision_that_cannot_be_reached_goes_down_at_once() -> None:
    assert one(given(reachable=False), 0, ready=100).want == 0


def test_panic_begins_at_twice_the_instances_there_are() -> None:
    assert not one(TEN, 0, panic=7 * 5, ready=3).panicking
    found = one(TEN, 0, panic=7 * 5 + 1, ready=3)
    assert (found.panicking, found.want, found.why) == (True, 6, "panic average")


def test_what_is_needed_for_panic_is_not_limited_by_the_rate() -> None:
    found = one(given(target=1, max_scale_up_rate=2, panic_threshold_percentage=300), 0, panic=50)
    assert (found.panicking, found.want) == (True, 2)


def test_panic_ends_when_the_last_breach_lies_more_than_a_stable_window_back() -> None:
    settings = given(container_concurrency=10, window="10s")
    times = (0.0, 4.0, 14.0, 14.000000001)
    seen = [Observation(now, 0.0, 70.0 if now < 5 else 0.0, 1) for now in times]
    assert [each.panicking for each in decisions(settings, seen)] == [True, True, True, False]


def test_a_breach_before_the_end_was_noticed_goes_on_with_the_same_panic() -> None:
    settings = given(container_concurrency=10, window="10s")
    assert wants(settings, (0, 0, 700, 1), (50, 0, 14, 1), (52, 0, 0, 1)) == [100, 100, 100]


def test_in_panic_there_are_never_fewer_than_before() -> None:
    seen = ((0, 0, 70, 1), (2, 0, 35, 10), (4, 84, 35, 10), (6, 0, 0, 12))
    assert wants(TEN, *seen) == [10, 10, 12, 12]


def test_in_panic_the_stable_average_counts_where_it_is_higher() -> None:
    assert one(TEN, 70, panic=14).want == 10


def test_after_panic_nothing_is_left_of_what_it_wanted() -> None:
    settings = given(container_concurrency=10, window="6s")
    assert wants(settings, (0, 0, 700, 1), (8, 7, 0, 100), (10, 7, 0, 50)) == [100, 50, 25]


@pytest.mark.parametrize(("ready", "first"), [(0, 0), (1, 0), (2, 2), (9, 9)])
def test_a_new_autoscaler_keeps_several_instances_as_if_in_panic(ready: int, first: int) -> None:
    [found] = decisions(TEN, [Observation(50.0, 0.0, 0.0, ready)])
    assert (found.want, found.panicking) == (first, ready > 1)


def test_activation_scale_lifts_whatever_is_more_than_nothing() -> None:
    settings = given(container_concurrency=10, activation_scale=5)
    assert one(settings, 0.1) == Decision(5, False, -201, "activation-scale")
    assert one(settings, 0).want == 0
    assert one(settings, 70).want == 10


def test_what_the_down_rate_keeps_is_not_lifted_by_activation_scale() -> None:
    assert one(given(activation_scale=5), 0, ready=6).want == 3


def test_activation_scale_goes_by_each_average_for_itself() -> None:
    settings = given(target=1, activation_scale=9, panic_threshold_percentage=110)
    breach = State(panic_at=99.0, panic_most=0, new=False)
    seen = Observation(100.0, 0.0, 1.0, 4)
    assert decide(settings, breach, seen)[1].want == 9
    assert decide(settings, State(new=False), seen)[1].want == 2


def test_fewer_are_wanted_only_when_fewer_were_enough_for_the_delay() -> None:
    settings = given(target=1, target_utilization_percentage=100, scale_down_delay="6s")
    seen = [(float(now), 1.0, 0.0, 1) for now in range(2, 10, 2)]
    assert wants(settings, (0, 4, 0, 1), *seen) == [4, 4, 4, 1, 1]


def test_the_delay_is_kept_by_buckets_of_a_tick() -> None:
    settings = given(target=1, target_utilization_percentage=100, scale_down_delay="3s")
    assert wants(settings, (1.9, 4, 0, 1), (3.9, 1, 0, 1), (4.0, 1, 0, 1)) == [4, 4, 1]


def test_a_delay_of_one_tick_takes_the_highest_of_its_bucket() -> None:
    settings = given(target=1, target_utilization_percentage=100, scale_down_delay="1s")
    assert wants(settings, (2, 4, 0, 1), (3.9, 1, 0, 1), (4, 1, 0, 1)) == [4, 4, 1]


def test_min_and_max_come_last() -> None:
    assert one(given(min_scale=3), 0) == Decision(3, False, -111, "min-scale")
    panic = one(given(max_scale=2, container_concurrency=10), 0, panic=700)
    assert (panic.want, panic.panicking, panic.why) == (2, True, "max-scale")


def test_the_initial_scale_counts_until_it_was_there_once() -> None:
    settings = given(initial_scale=3)
    assert wants(settings, (0, 0, 0, 0), (2, 0, 0, 1), (4, 0, 0, 3), (200, 0, 0, 0)) == [3, 3, 1, 0]
    assert one(settings, 0).why == "initial-scale"


@pytest.mark.parametrize(
    ("burst", "ready", "panic", "excess"),
    [(0, 5, 90, 0), (-1, 5, 90, -1), (211, 30, 20.5, 68), (211, 0, 0, -211), (10.5, 1, 0, -1)],
)
def test_excess_burst_capacity_is_what_all_take_less_the_burst_and_what_is_there(
    burst: float, ready: int, panic: float, excess: int
) -> None:
    settings = given(container_concurrency=10, target_burst_capacity=burst)
    assert one(settings, 0, panic, ready).excess_burst_capacity == excess
