"""When the autoscaler decides, and what a call that waits makes of it."""

from __future__ import annotations

from catnap.scaling import TICK
from catnap.scaling.scaler import KEPT, Scaler
from tests.scaling.traces import given


def test_a_first_call_counts_at_once() -> None:
    scaler = Scaler(given(), 0.0)
    scaler.measure(0.25, calls=1, instances=0)
    scaler.hurry(0.25, ready=0, running=0, calls=1)
    assert scaler.wanted == 1
    assert [(each.stable, each.panic) for each in scaler.decisions] == [(1.0, 1.0)]


def test_calls_that_wait_ask_once_a_second() -> None:
    scaler = Scaler(given(container_concurrency=1), 0.0)
    scaler.hurry(0.0, ready=0, running=0, calls=1)
    for tenth in range(1, 40):
        scaler.hurry(tenth / 10, ready=0, running=1, calls=tenth)
    assert [each.first for each in scaler.decisions][:1] == [0.0]
    assert sum(each.times for each in scaler.decisions) == 1 + 3


def test_what_came_with_the_first_call_counts_as_soon_as_an_instance_is_ready() -> None:
    scaler = Scaler(given(container_concurrency=10), 0.0)
    scaler.hurry(0.0, ready=0, running=0, calls=1)
    scaler.look(0.02, ready=1, running=1, calls=70)
    assert scaler.wanted == 10


def test_what_comes_later_is_averaged_first() -> None:
    scaler = Scaler(given(container_concurrency=10), 0.0)
    scaler.hurry(0.0, ready=0, running=0, calls=1)
    scaler.measure(0.0, calls=1, instances=1)
    scaler.look(30.0, ready=1, running=1, calls=70)
    assert scaler.wanted == 1


def test_ahead_of_time_nothing_is_given_up() -> None:
    scaler = Scaler.at_rest(given(min_scale=1), 0.0)
    scaler.wanted = 5
    scaler.look(1.0, ready=5, running=5, calls=1)
    assert scaler.wanted == 5
    scaler.adjust(100.0, ready=5, running=5)
    assert scaler.wanted < 5


def test_the_initial_scale_is_wanted_until_it_was_there_and_not_after_a_rest() -> None:
    settings = given(initial_scale=3)
    scaler = Scaler(settings, 0.0)
    scaler.adjust(0.0, ready=0, running=0)
    assert (scaler.wanted, scaler.decisions[-1].why) == (3, "initial-scale")
    rested = Scaler.at_rest(settings, 0.0)
    rested.adjust(0.0, ready=0, running=0)
    assert rested.wanted == 0


def test_after_a_rest_there_is_min_scale_and_it_stays() -> None:
    scaler = Scaler.at_rest(given(min_scale=2), 0.0)
    assert scaler.wanted == 2
    scaler.adjust(0.0, ready=2, running=2)
    assert scaler.wanted == 2


def test_a_bounded_number_of_decisions_is_remembered() -> None:
    scaler = Scaler(given(container_concurrency=1, window="6s"), 0.0)
    for step in range(1, 4 * KEPT):
        scaler.measure(step * TICK, calls=step * 5 % 97, instances=step)
        scaler.adjust(step * TICK, ready=step, running=step)
    assert len(scaler.decisions) == KEPT
    assert scaler.decisions[-1].last == (4 * KEPT - 1) * TICK
