"""How often what failed is tried again."""

from __future__ import annotations

from catnap.models.retries import RetryBudget


def taken(budget: RetryBudget, now: float) -> int:
    number = 0
    while budget.take(now):
        number += 1
    return number


def test_a_fifth_of_the_requests_and_ten_a_second_may_be_tried_again() -> None:
    budget = RetryBudget(0.0)
    taken(budget, 0.0)
    for number in range(200):
        budget.asked(number / 200)
    assert taken(budget, 1.0) in (49, 50)


def test_what_was_not_needed_is_there_later_up_to_a_bound() -> None:
    assert taken(RetryBudget(0.0), 1e6) == 100


def test_a_clock_that_goes_back_gives_nothing() -> None:
    budget = RetryBudget(100.0)
    taken(budget, 100.0)
    assert not budget.take(50.0)
