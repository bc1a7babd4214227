"""Which instance a call goes to."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest

from catnap.scaling.balance import Balance


@dataclass
class Busy:
    inflight: int = 0


def spread(concurrency: int, calls: int) -> list[int]:
    """Calls by instance, of four."""
    instances = [Busy() for _ in range(4)]
    balance = Balance(concurrency, Random(7))
    for _ in range(calls):
        chosen = balance.choose(
            instances, lambda each: not concurrency or each.inflight < concurrency
        )
        assert chosen is not None
        chosen.inflight += 1
    return [each.inflight for each in instances]


def test_few_at_once_fill_the_first_instance_that_is_free() -> None:
    assert spread(concurrency=3, calls=6) == [3, 3, 0, 0]


def test_many_at_once_go_round() -> None:
    assert spread(concurrency=10, calls=6) == [2, 2, 1, 1]


def test_a_turn_passes_over_those_without_room() -> None:
    assert spread(concurrency=4, calls=13) == [4, 3, 3, 3]


def test_without_a_bound_the_less_busy_of_two_has_it() -> None:
    """Never a busiest one: of two it is not chosen, but for a tie."""
    busy = spread(concurrency=0, calls=400)
    assert max(busy) - min(busy) <= 5


@pytest.mark.parametrize("concurrency", [0, 1, 10])
def test_where_nobody_has_room_nobody_is_chosen(concurrency: int) -> None:
    assert Balance(concurrency, Random(1)).choose([Busy()], lambda each: False) is None
