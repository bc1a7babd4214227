"""How long a revision that crashes has to wait."""

from __future__ import annotations

import pytest

from catnap.errors import SkillCrashed
from catnap.services.backoff import FIRST, FORGIVEN, MOST, Backoff

CRASH = SkillCrashed("it crashed")


def test_every_crash_doubles_the_time_to_the_next_start_up_to_a_bound() -> None:
    backoff, now, waited = Backoff(), 100.0, []
    for _ in range(8):
        backoff.failed(now, CRASH)
        waited.append(backoff.left(now))
        now += backoff.left(now)
        assert backoff.left(now) == 0
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (FIRST, MOST) == (1, 60)


def test_instances_of_one_round_that_all_crash_count_once() -> None:
    backoff = Backoff()
    for now in (100.0, 100.1, 100.2):
        backoff.failed(now, CRASH)
    assert backoff.crash is not None
    assert (backoff.crash.failures, backoff.left(100.2)) == (1, pytest.approx(0.8))


def test_one_that_crashes_before_its_first_call_has_not_started_well() -> None:
    backoff = Backoff()
    backoff.failed(100.0, CRASH)
    backoff.started(101.0)
    assert backoff.left(101.0) == 0
    backoff.failed(101.0, CRASH, 1, "no more")
    assert backoff.left(101.0) == 2
    backoff.started(103.0)
    backoff.well()
    assert backoff.crash is None
    backoff.failed(104.0, CRASH)
    assert backoff.left(104.0) == 1


def test_a_crash_long_ago_is_forgiven() -> None:
    backoff = Backoff()
    for now in (0.0, 1.0, 3.0):
        backoff.failed(now, CRASH)
    backoff.failed(8.0 + FORGIVEN, CRASH)
    assert backoff.left(8.0 + FORGIVEN) == 1
