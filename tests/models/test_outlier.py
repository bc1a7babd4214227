"""Servers that fail are left alone for a while."""

from __future__ import annotations

from types import SimpleNamespace

from catnap.models.outlier import Health, Rules, askable

RULES = Rules(errors=3, first=1.0, longest=5.0)


def failing(errors: int, now: float = 0.0) -> Health:
    health = Health(RULES)
    for _ in range(errors):
        health.sent()
        health.failed(now)
    return health


def test_errors_in_a_row_have_it_left_alone_and_fewer_do_not() -> None:
    assert failing(2).asked(0.0)
    assert not failing(3).asked(0.9)


def test_a_good_answer_begins_the_count_anew() -> None:
    health = failing(2)
    health.answered()
    health.failed(0.0)
    assert health.asked(0.0)


def test_one_request_tries_it_again_and_the_others_wait_for_what_it_finds() -> None:
    health = failing(3)
    assert health.asked(1.0)
    health.sent()
    assert not health.asked(1.0)
    health.answered()
    assert health.asked(1.0)
    assert not health.ejected


def test_each_time_in_a_row_is_twice_as_long_up_to_a_bound() -> None:
    health, now, waits = failing(3), 0.0, []
    for _ in range(4):
        waits.append(health.back - now)
        now = health.back
        health.sent()
        health.failed(now)
    assert waits == [1.0, 2.0, 4.0, 5.0]


def test_requests_that_were_at_work_when_it_was_left_alone_prolong_nothing() -> None:
    health = failing(3)
    for _ in range(50):
        health.failed(0.5)
    assert health.back == 1.0


def test_who_tries_it_and_leaves_lets_the_next_one_try() -> None:
    health = failing(3)
    health.sent()
    health.left()
    assert health.asked(1.0)


def test_where_all_are_left_alone_all_are_asked() -> None:
    servers = [SimpleNamespace(health=failing(errors)) for errors in (3, 4)]
    assert askable(servers, 0.5) == servers
    whole = SimpleNamespace(health=failing(0))
    assert askable([*servers, whole], 0.5) == [whole]
