"""The revision and the instance that a new session goes to."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from catnap.sessions.choice import SPREAD, bound, chance, choose

NAMES = st.sets(st.text("abcdef0123456789", min_size=1, max_size=5), min_size=1, max_size=8)


def settled(sessions: list[str], instances: set[str], spread: float = SPREAD) -> dict[str, str]:
    """Where each is when they come one after another."""
    counts = Counter(dict.fromkeys(instances, 0))
    homes: dict[str, str] = {}
    for session in sessions:
        home = choose(session, counts, instances, spread=spread)
        assert home is not None
        homes[session] = home
        counts[home] += 1
    return homes


@given(NAMES, st.integers(1, 60), st.sampled_from([1.0, 1.25, 2.0]))
def test_no_instance_has_more_than_its_bound(names: set[str], sessions: int, spread: float) -> None:
    counts = Counter(settled([str(n) for n in range(sessions)], names, spread).values())
    assert max(counts.values()) <= bound(sessions - 1, len(names), spread)


@given(NAMES, st.text(max_size=5))
def test_whoever_asks_gets_the_same_answer(names: set[str], session: str) -> None:
    counts = dict.fromkeys(names, 0)
    answers = {choose(session, counts, order) for order in (sorted(names), sorted(names)[::-1])}
    assert len(answers) == 1


def test_another_process_gives_the_same_answer() -> None:
    code = "from catnap.sessions import choose; print(choose('s', dict.fromkeys('abcdefgh', 0),"
    said = {
        subprocess.run(
            [sys.executable, "-c", f"{code} 'abcdefgh'))"],
            env={"PYTHONPATH": "runtime", "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert said == {choose("s", dict.fromkeys("abcdefgh", 0), "abcdefgh")}


@given(NAMES, st.text("xyz", min_size=1, max_size=3), st.lists(st.text(max_size=4), max_size=20))
def test_one_instance_more_takes_sessions_to_itself_only(
    names: set[str], new: str, sessions: list[str]
) -> None:
    for session in sessions:
        before = choose(session, dict.fromkeys(names, 0), names)
        after = choose(session, dict.fromkeys(names | {new}, 0), names | {new})
        assert after in (before, new)


@given(NAMES, st.lists(st.text(max_size=4), max_size=20), st.data())
def test_one_instance_less_moves_its_own_sessions_only(
    names: set[str], sessions: list[str], data: st.DataObject
) -> None:
    gone = data.draw(st.sampled_from(sorted(names)))
    left = names - {gone}
    for session in sessions:
        before = choose(session, dict.fromkeys(names, 0), names)
        if before != gone:
            assert choose(session, dict.fromkeys(left, 0), left) == before


def test_sessions_spread_over_all_instances() -> None:
    counts = Counter(choose(str(n), dict.fromkeys("abcd", 0), "abcd") for n in range(1000))
    assert len(counts) == 4
    assert min(counts.values()) > 200


def test_only_an_instance_with_room_is_chosen() -> None:
    assert {choose(str(n), dict.fromkeys("abc", 0), "b") for n in range(20)} == {"b"}
    assert choose("s", dict.fromkeys("abc", 0), "") is None


def test_past_the_bound_a_place_now_is_worth_more_than_an_even_spread() -> None:
    counts = {"a": 9, "b": 7, "busy": 0}
    assert {choose(str(n), counts, "ab") for n in range(20)} == {"b"}


def test_no_instance_has_more_sessions_than_it_may() -> None:
    counts = {"a": 2, "b": 1}
    assert {choose(str(n), counts, "ab", most=2) for n in range(20)} == {"b"}
    assert choose("s", {"a": 2, "b": 2}, "ab", most=2) is None


def test_where_a_session_falls_in_a_split_is_the_same_for_every_version() -> None:
    assert round(chance("ada\0s", "echo"), 6) == 0.68835


def test_sessions_fall_evenly_and_otherwise_for_each_service() -> None:
    falls = {name: [chance(str(n), name) for n in range(1000)] for name in ("echo", "add")}
    canaries = {name: {n for n in range(1000) if falls[name][n] < 0.1} for name in falls}
    assert all(60 < len(each) < 140 for each in canaries.values())
    assert len(canaries["echo"] & canaries["add"]) < 40


def test_a_call_that_names_its_revision_meets_the_sessions_others() -> None:
    for session in "stuvw":
        counts = dict.fromkeys("abcd", 0)
        assert choose((session, "r"), counts, "abcd") == choose(session, counts, "abcd")
