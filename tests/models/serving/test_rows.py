"""Which rows run together, and whose are next."""

from __future__ import annotations

import random

from catnap.models.serving.rows import Rows


def taken(rows: Rows, now: float = 0.0) -> list[tuple[int, int, int]]:
    return [(part.request, part.first, part.rows) for part in rows.take(now)]


def test_nothing_waits_and_nothing_runs():
    rows = Rows(4)
    assert (taken(rows), rows.due(), len(rows)) == ([], None, 0)


def test_requests_of_one_bucket_run_together_up_to_the_size():
    rows = Rows(4)
    for request in range(6):
        rows.add(request, "a", 1, 0)
    assert [each[0] for each in taken(rows)] == [0, 1, 2, 3]
    assert [each[0] for each in taken(rows)] == [4, 5]


def test_requests_of_two_buckets_never_run_together():
    rows = Rows(4)
    for request, bucket in enumerate("abab"):
        rows.add(request, bucket, 1, 0)
    assert [each[0] for each in taken(rows)] == [0, 2]
    assert [each[0] for each in taken(rows)] == [1, 3]


def test_what_fits_into_a_run_is_not_torn_apart():
    rows = Rows(4)
    rows.add(0, "a", 3, 0)
    rows.add(1, "a", 3, 0)
    assert taken(rows) == [(0, 0, 3)]
    assert taken(rows) == [(1, 0, 3)]


def test_what_does_not_fit_runs_in_parts_between_which_others_have_their_turn():
    rows = Rows(4)
    rows.add(0, "a", 10, 0)
    assert taken(rows) == [(0, 0, 4)]
    rows.add(1, "a", 1, 0)
    assert taken(rows) == [(1, 0, 1), (0, 4, 3)]
    assert taken(rows) == [(0, 7, 3)]


def test_a_small_request_goes_ahead_of_a_large_one_that_came_before():
    rows = Rows(4)
    rows.add(0, "large", 100, 0)
    rows.add(1, "small", 1, 0)
    assert taken(rows) == [(1, 0, 1)]


def test_a_large_request_is_not_starved_by_small_ones():
    rows = Rows(4)
    rows.add(0, "large", 8, 0)
    turns = 0
    for request in range(1, 100):
        rows.add(request, "small", 2, 0)
        turns += 1
        if rows.take(0)[0].request == 0:
            break
    assert turns < 10


def test_a_run_that_is_not_full_waits_for_others_as_long_as_it_may():
    rows = Rows(4, delay=2)
    rows.add(0, "a", 1, now=10)
    rows.add(1, "a", 1, now=11)
    assert taken(rows, 11.9) == []
    assert rows.due() == 12
    assert [each[0] for each in taken(rows, 12)] == [0, 1]


def test_a_full_run_waits_for_nobody_even_while_another_does():
    rows = Rows(2, delay=2)
    rows.add(0, "waits", 1, now=0)
    rows.add(1, "full", 1, now=0)
    rows.add(2, "full", 1, now=0)
    assert [each[0] for each in taken(rows)] == [1, 2]
    assert taken(rows) == []


def test_what_was_dropped_does_not_run():
    rows = Rows(4)
    for request in range(3):
        rows.add(request, "a", 2, 0)
    rows.drop(0)
    rows.drop(77)
    assert [each[0] for each in taken(rows)] == [1, 2]
    rows.add(3, "a", 1, 0)
    rows.drop(3)
    assert (taken(rows), rows.due()) == ([], None)


def test_a_request_without_rows_runs():
    rows = Rows(4)
    rows.add(0, "a", 0, 0)
    assert taken(rows) == [(0, 0, 0)]


def test_whatever_comes_and_goes_each_row_runs_once_and_no_run_is_too_large():
    for seed in range(100):
        dice = random.Random(seed)
        size = dice.choice([1, 3, 8])
        rows, asked, ran = Rows(size), dict[int, int](), dict[int, list[int]]()
        dropped = set[int]()
        for request in range(200):
            asked[request] = dice.choice([1, 1, 2, 5, 20])
            rows.add(request, dice.choice("ab"), asked[request], 0)
            if dice.random() < 0.2:
                dropped.add(gone := dice.randrange(request + 1))
                rows.drop(gone)
            if dice.random() < 0.5:
                _run(rows, size, ran)
        while len(rows):
            _run(rows, size, ran)
        for request, count in asked.items():
            found = ran.get(request, [])
            assert found == list(range(len(found)))
            assert len(found) == count or request in dropped


def _run(rows: Rows, size: int, ran: dict[int, list[int]]) -> None:
    parts = rows.take(0)
    assert sum(part.rows for part in parts) <= size
    for part in parts:
        ran.setdefault(part.request, []).extend(range(part.first, part.first + part.rows))
