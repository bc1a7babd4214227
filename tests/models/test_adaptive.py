"""How many requests a server is given at once, by how it does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from catnap.models.adaptive import LOOK, Limit, Range


class Server:
    """Works at `places` requests at a time, each for 10 ms; the rest waits."""

    def __init__(self, limit: Limit, places: int) -> None:
        self.limit = limit
        self.places = places
        self.now = 0.0

    def drive(self, answers: int, demand: int = 10_000) -> int:
        for _ in range(answers):
            inflight = min(self.limit.value, demand)
            seconds = 0.01 * max(1.0, inflight / self.places)
            self.now += seconds / inflight
            self.limit.answered(seconds, inflight, self.now)
        return self.limit.value


def test_a_server_that_can_take_more_is_given_more() -> None:
    assert Server(Limit(Range(start=4)), places=500).drive(20_000) > 400


def test_a_server_is_given_no_more_than_it_works_at_and_what_fills_its_next_batch() -> None:
    assert 20 <= Server(Limit(Range(start=200)), places=20).drive(200_000) <= 60


def test_what_rest_is_is_found_though_the_server_never_rests() -> None:
    limit = Limit(Range(least=4, start=300))
    server = Server(limit, places=20)
    server.drive(1)
    server.now += 2 * LOOK
    assert server.drive(2000) < 100


def test_a_server_that_takes_one_at_a_time_is_given_one_more() -> None:
    server = Server(Limit(Range(least=1, start=32)), places=1)
    server.drive(1000)
    assert {server.drive(1) for _ in range(100)} <= {1, 2, 3}


def test_before_anything_is_known_a_server_is_given_little() -> None:
    limit = Limit(Range(least=4, start=32))
    assert limit.value == 4
    for _ in range(4):
        limit.answered(0.1, 4, 0.1)
    assert limit.value == 32


def test_requests_that_take_long_are_not_made_to_wait_to_see_what_rest_is() -> None:
    limit = Limit(Range(least=4, start=64))
    for number in range(1000):
        limit.answered(1.0, 4 if number < 4 else 64, now=number * LOOK, lasted=30.0)
        assert number < 4 or limit.value >= 64


def test_answers_to_what_was_asked_before_a_change_change_nothing() -> None:
    limit = Limit(Range(least=1, start=100))
    limit.answered(0.1, 1, 0.0)
    for _ in range(500):
        limit.answered(1.0, 100, 1.0)
    assert limit.value == 50


def test_a_server_that_becomes_slow_is_given_less() -> None:
    server = Server(Limit(Range(start=64)), places=100)
    before = server.drive(3000)
    server.places = 10
    assert server.drive(500) < before / 2


def test_a_quiet_hour_says_nothing_of_what_a_server_can_do() -> None:
    assert Server(Limit(Range(start=32)), places=100).drive(1000, demand=2) == 32


def test_refusals_make_the_limit_smaller() -> None:
    limit = Limit(Range(start=100, least=4))
    for _ in range(100):
        limit.refused()
    assert limit.value == 4


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 2000), st.floats(0, 1e9))),
    st.integers(1, 50),
)
def test_the_limit_stays_in_its_range_whatever_happens(
    answers: list[tuple[float, int, float]], least: int
) -> None:
    limit = Limit(Range(least, least + 20, 30))
    for seconds, inflight, now in answers:
        limit.answered(seconds, inflight, now)
        assert least <= limit.value <= least + 20
