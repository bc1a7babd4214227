"""The way of the last instance to zero, by examples."""

from __future__ import annotations

from typing import Any

import pytest

from catnap.scaling import Decision
from catnap.scaling.zero import State, Step, decide
from tests.scaling.traces import given

WANTED = Decision(2, False, 5, "stable average")
"""And enough is there for a burst: the activator is not in the path."""
NOBODY = Decision(0, False, 5, "stable average")
SHORT = Decision(0, False, -1, "stable average")


def steps(*seen: tuple[float, Decision, int], **values: Any) -> list[int]:
    """How many to run at each moment, with so many running, all of them ready,
    on a cluster."""
    settings = given(**{"scale_to_zero_grace_period": "30s", **values})
    state, found = State(), []
    for now, decision, running in seen:
        state, step = decide(settings, state, now, decision, running, running)
        found.append(step.instances)
    return found


def test_what_is_wanted_is_run() -> None:
    assert steps((0, WANTED, 0), (2, WANTED, 2)) == [2, 2]


def test_zero_where_nothing_runs_is_zero() -> None:
    assert steps((0, NOBODY, 0)) == [0]


def test_until_it_was_active_for_a_stable_window_one_stays() -> None:
    assert steps((0, WANTED, 2), (2, NOBODY, 2), (59.9, NOBODY, 1)) == [2, 1, 1]


def test_then_the_activator_has_the_path_for_the_grace_period() -> None:
    seen = [(0, WANTED, 1), (60, NOBODY, 1), (62, NOBODY, 1), (89.9, NOBODY, 1), (90, NOBODY, 1)]
    assert steps(*seen) == [2, 1, 1, 1, 0]


def test_an_activator_that_was_in_the_path_already_costs_no_grace() -> None:
    seen = [(0, WANTED, 1), (40, Decision(1, False, -1, ""), 1), (70, SHORT, 1), (72, SHORT, 1)]
    assert steps(*seen) == [2, 1, 1, 0]


def test_an_activator_that_left_the_path_begins_its_grace_anew() -> None:
    short = Decision(1, False, -1, "")
    seen = [(0, short, 1), (58, WANTED, 1), (60, NOBODY, 1), (62, NOBODY, 1), (90, NOBODY, 1)]
    assert steps(*seen) == [1, 2, 1, 1, 0]


def test_the_last_instance_stays_for_the_retention() -> None:
    seen = [(0, WANTED, 1), (60, NOBODY, 1), (100, NOBODY, 1), (179.9, NOBODY, 1), (180, NOBODY, 1)]
    assert steps(*seen, scale_to_zero_pod_retention_period="2m") == [2, 1, 1, 1, 0]


def test_a_retention_shorter_than_the_grace_changes_nothing() -> None:
    seen = [(0, WANTED, 1), (60, NOBODY, 1), (80, NOBODY, 1), (90, NOBODY, 1)]
    assert steps(*seen, scale_to_zero_pod_retention_period="10s") == [2, 1, 1, 0]


def test_a_call_on_the_way_makes_it_active_from_then_on() -> None:
    seen = [(0, WANTED, 1), (60, NOBODY, 1), (70, WANTED, 1), (72, NOBODY, 1), (130, NOBODY, 1)]
    assert steps(*seen) == [2, 1, 2, 1, 1]


def test_an_instance_that_never_was_ready_is_not_given_up() -> None:
    assert decide(given(), State(), 5.0, NOBODY, 0, 1) == (
        State(),
        Step(1, "not ready yet"),
    )


@pytest.mark.parametrize("grace", ["0s", "10s"])
def test_the_grace_period_can_be_set(grace: str) -> None:
    seconds = float(grace[:-1])
    seen = [(0, WANTED, 1), (60, NOBODY, 1), (60 + seconds, NOBODY, 1)]
    assert steps(*seen, scale_to_zero_grace_period=grace) == [2, 1, 0]
