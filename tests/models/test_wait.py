"""How long a request will wait is said before it waits."""

from __future__ import annotations

import pytest

from catnap.models.wait import Turnover


def turning(cost: float, every: float, times: int) -> tuple[Turnover, float]:
    turnover, now = Turnover(), 100.0
    turnover.waits(now)
    for _ in range(times):
        now += every
        turnover.turned(cost, now)
    return turnover, now


def test_it_is_what_is_ahead_by_how_fast_that_gets_its_turn() -> None:
    turnover, now = turning(cost=2.0, every=0.1, times=500)
    assert turnover.wait(40.0, now) == pytest.approx(2.0, rel=0.01)


def test_nothing_is_refused_for_what_is_not_known_yet() -> None:
    assert Turnover().wait(1e9, 0.0) == 0.0


def test_servers_that_have_stopped_make_it_longer() -> None:
    turnover, now = turning(cost=1.0, every=0.1, times=500)
    assert turnover.wait(10.0, now + 60.0) > 10 * turnover.wait(10.0, now)


def test_a_quiet_time_makes_it_no_longer() -> None:
    turnover, now = turning(cost=1.0, every=0.1, times=500)
    before = turnover.wait(10.0, now)
    turnover.idle()
    turnover.waits(now + 3600.0)
    assert turnover.wait(10.0, now + 3600.0) == before
