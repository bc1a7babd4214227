"""Traces replayed in virtual time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given as hypothesis
from hypothesis import settings as effort
from hypothesis import strategies as st

from catnap.scaling.plan import Plan, plan
from catnap.scaling.run import World
from catnap.scaling.trace import read_trace
from tests.scaling.traces import given


def replay(
    *calls: tuple[float, float], cold_start: float = 1.0, queue: int = 10_000, **values: Any
) -> Plan:
    """Calls of one skill: (time, duration). An instance has 100 MiB."""
    trace = read_trace([f"{time},a,{length}" for time, length in calls], "calls")
    return plan(trace, given(**values), World(cold_start, queue), memory=100.0)


def test_a_first_call_waits_for_one_cold_start_on_the_second_not_the_tick() -> None:
    found = replay((0.5, 0.25))
    assert (found.total.cold, found.total.starts, found.total.wait_max) == (1, 1, 1.0)
    assert found.starts == [0.5]


def test_who_comes_while_it_starts_is_cold_too_and_who_comes_after_is_not() -> None:
    found = replay((0.0, 0.25), (0.75, 0.25), (5.0, 0.25)).total
    assert (found.calls, found.cold, found.starts) == (3, 2, 1)
    assert (found.wait_p50, found.wait_max) == (0.25, 1.0)


def test_an_instance_is_paid_from_its_start_until_zero() -> None:
    found = replay((0.0, 0.5))
    total = found.total
    assert total.instance_seconds == found.end - found.begin
    assert total.idle_seconds == total.instance_seconds - 1.0 - 0.5
    assert total.idle_memory_seconds == total.idle_seconds * 100.0
    assert found.course[-1][2:] == (0, 0)


def test_the_last_instance_stays_for_a_window_and_longer_only_where_it_is_asked_to() -> None:
    assert 60 <= replay((0.0, 0.5)).end <= 60 + 2 * 2 + 2
    on_a_cluster = replay((0.0, 0.5), target_burst_capacity=0, scale_to_zero_grace_period="30s").end
    assert 60 + 30 <= on_a_cluster <= 60 + 30 + 2 * 2 + 2
    longer = replay((0.0, 0.5), scale_to_zero_pod_retention_period="5m").end
    assert longer >= 60 + 300


def test_a_call_after_a_rest_is_no_more_than_one_at_once() -> None:
    found = replay((0.0, 0.5), (500.0, 0.5))
    assert [moment.demand for moment in found.course if moment.demand > 1.0] == []


def test_calls_beyond_the_concurrency_wait_for_a_place_in_turn() -> None:
    calls = [(10.0, 1.0)] * 3
    found = replay(*calls, container_concurrency=1, max_scale=1, min_scale=1).total
    assert (found.cold, found.wait_p50, found.wait_max) == (0, 1.0, 2.0)


def test_with_min_scale_nobody_is_cold_and_the_instance_is_paid_for_all_the_time() -> None:
    found = replay((0.0, 0.5), (500.0, 0.5), min_scale=1)
    assert (found.total.cold, found.total.starts) == (0, 0)
    assert found.total.instance_seconds == found.end - found.begin >= 500.0


def test_a_burst_gets_more_instances_within_the_bound() -> None:
    burst = [(10.0 + n / 100, 5.0) for n in range(500)]
    assert replay(*burst, container_concurrency=10).total.instances_most > 10
    assert replay(*burst, container_concurrency=10, max_scale=4).total.instances_most == 4


def test_who_has_no_call_leaves_first() -> None:
    calls = [(10.0, 1.0)] * 3 + [(10.0, 1000.0)]
    found = replay(*calls, container_concurrency=1, window="6s", cold_start=0.0).total
    # At least one idles beside the long call, for its target is 0.7 calls.
    assert 980.0 < found.idle_seconds < 1100.0


def test_what_finds_the_queue_full_is_refused() -> None:
    found = replay(*[(0.0, 1.0)] * 10, container_concurrency=1, max_scale=1, queue=4).total
    assert (found.calls, found.refused) == (10, 6)


def test_calls_that_the_rate_no_longer_shows_are_served_all_the_same() -> None:
    calls = [(0.0, 300.0)] * 3
    found = replay(*calls, metric="rps", window="6s", container_concurrency=1, max_scale=1).total
    assert (found.calls, found.starts) == (3, 1)


def test_each_skill_is_scaled_for_itself_and_all_are_added_up() -> None:
    trace = read_trace(["0,a,1", "50,b,1", "50,b,1"], "calls")
    found = plan(trace, given(), World(1.0), memory=100.0)
    assert {skill: each.calls for skill, each in found.skills.items()} == {"a": 1, "b": 2}
    parts = [each.instance_seconds for each in found.skills.values()]
    assert found.total.instance_seconds == pytest.approx(sum(parts))
    assert (found.total.instances_most, found.total.starts) == (2, 2)


def test_skills_with_min_scale_are_paid_until_the_last_is_at_rest() -> None:
    trace = read_trace(["0,a,1", "1000,b,1"], "calls")
    found = plan(trace, given(min_scale=1), World(1.0), memory=100.0)
    whole = found.end - found.begin
    assert [each.instance_seconds for each in found.skills.values()] == [whole, whole]


CALLS = st.lists(
    st.tuples(st.floats(0, 300).map(lambda time: round(time, 2)), st.sampled_from([0, 0.1, 2, 90])),
    min_size=1,
    max_size=40,
)


@effort(deadline=None)
@hypothesis(CALLS, st.sampled_from([0, 1, 3]), st.sampled_from([0, 1, 5]), st.booleans())
def test_every_call_is_served_and_all_time_is_accounted_for(
    calls: list[tuple[float, float]], concurrency: int, most: int, by_rate: bool
) -> None:
    metric = "rps" if by_rate else "concurrency"
    found = replay(
        *calls, container_concurrency=concurrency, max_scale=most, metric=metric, window="10s"
    )
    total = found.total
    assert total.calls == len(calls)
    assert total.refused == 0
    assert 0 <= total.cold <= len(calls)
    assert not most or total.instances_most <= most
    assert -1e-6 <= total.idle_seconds <= total.instance_seconds + 1e-6
    if concurrency == 1:
        busy = sum(length for _, length in calls)
        started = total.instance_seconds - total.idle_seconds - busy
        assert -1e-6 <= started <= total.starts * 1.0 + 1e-6
    assert found.course[-1][2:] == (0, 0)


@effort(deadline=None)
@hypothesis(CALLS)
def test_a_trace_that_is_replayed_again_gives_the_same(calls: list[tuple[float, float]]) -> None:
    assert replay(*calls) == replay(*calls)
