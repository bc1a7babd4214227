"""Which of a model's servers is asked."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from catnap.models.balance import choose


@dataclass
class Server:
    name: str
    inflight: int = 0
    room: int = 10


def servers(*inflight: int) -> list[Server]:
    return [Server(f"s{number}", each) for number, each in enumerate(inflight)]


@given(st.lists(st.integers(0, 12), max_size=6), st.integers(0), st.text(max_size=3))
def test_only_who_has_room_is_asked_and_nobody_where_none_has(
    inflight: list[int], seed: int, affinity: str
) -> None:
    found = choose(servers(*inflight), random.Random(seed).random, affinity)
    assert (found is None) == all(each >= 10 for each in inflight)
    assert found is None or found.inflight < 10


def test_a_busy_server_gets_less() -> None:
    chance = random.Random(1).random
    there = servers(8, 1, 1)
    asked = Counter(found.name for _ in range(900) if (found := choose(there, chance)))
    assert asked["s0"] < 150  # only where both choices fall on it


def test_a_server_that_can_have_more_is_given_more() -> None:
    there = [Server("small", room=10), Server("large", room=40)]
    chance = random.Random(2).random
    for _ in range(40):
        found = choose(there, chance)
        assert found
        found.inflight += 1
    assert 2.5 <= there[1].inflight / there[0].inflight <= 6


def test_what_belongs_together_is_asked_at_one_server_while_that_is_not_too_busy() -> None:
    there = servers(0, 0, 0)
    found = {each.name for _ in range(50) if (each := choose(there, random.random, "session 7"))}
    assert len(found) == 1
    preferred = next(each for each in there if each.name in found)
    preferred.inflight = 9
    other = choose(there, random.random, "session 7")
    assert other is not preferred


def test_a_server_more_takes_its_part_alone() -> None:
    before, after = servers(0, 0, 0), servers(0, 0, 0, 0)
    moved = 0
    for number in range(1000):
        one = choose(before, random.random, f"session {number}")
        other = choose(after, random.random, f"session {number}")
        assert one
        assert other
        moved += one.name != other.name
        assert other.name in (one.name, "s3")
    assert 180 <= moved <= 320
