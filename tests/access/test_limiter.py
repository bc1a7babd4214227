"""What limits promise, for any calls at any times."""

from __future__ import annotations

from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.access.admission import Admitted, Refused
from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who
from catnap.access.usage import DAY, Used, day_of

NOON = 1_763_726_400.0
ANN = ("acme", "ann", "search")
BOB = ("acme", "bob", "search")

waits = st.lists(st.floats(0, 3, allow_nan=False), max_size=60)
whos = st.sampled_from(
    [ANN, BOB, ("acme", "ann", "draft"), ("rival", "ann", "search"), ("acme", "ann", "")]
)


@given(waits, st.floats(0.2, 50), st.integers(1, 10))
def test_no_window_has_more_than_its_burst_and_what_its_length_allows(
    waits: list[float], rate: float, burst: int
) -> None:
    limiter = Limiter([Limit(tenant="acme", rate=rate, burst=burst)])
    now, admitted = NOON, list[float]()
    for wait in waits:
        now += wait
        if isinstance(limiter.admit(ANN, now), Admitted):
            admitted.append(now)
    for first, begin in enumerate(admitted):
        for last in range(first, len(admitted)):
            # The clock itself is no finer than a quarter of a microsecond.
            length = admitted[last] - begin + 1e-6 * len(admitted)
            assert last - first + 1 <= burst + rate * length


@given(waits, st.floats(0.2, 50), st.integers(1, 10))
def test_a_call_refused_is_admitted_when_it_was_told_and_not_before(
    waits: list[float], rate: float, burst: int
) -> None:
    limits = [Limit(tenant="acme", rate=rate, burst=burst), Limit(user="*", rate=1.0, burst=2)]
    limiter, now = Limiter(limits), NOON
    for wait in waits:
        now += wait
        answer = limiter.admit(ANN, now)
        if isinstance(answer, Refused):
            assert answer.frees_at > now
            earlier = (now + answer.frees_at) / 2
            if earlier < answer.frees_at:
                assert isinstance(limiter.admit(ANN, earlier), Refused)
            now = answer.frees_at
            assert isinstance(limiter.admit(ANN, now), Admitted)


@given(st.lists(st.tuples(whos, st.booleans()), max_size=60), st.integers(1, 4))
def test_no_more_are_at_work_than_may_be(steps: list[tuple[Who, bool]], most: int) -> None:
    limits = [Limit(tenant="*", concurrent=most), Limit(user="*", skill="*", concurrent=2)]
    limiter, at_work = Limiter(limits), list[tuple[Who, Admitted]]()
    for number, (who, ends) in enumerate(steps):
        if ends and at_work:
            at_work.pop(0)[1].end(NOON + number)
        answer = limiter.admit(who, NOON + number)
        of_tenant = [each for each, _ in at_work if each[0] == who[0]]
        alike = [each for each, _ in at_work if each[1:] == who[1:] and each[2]]
        room = len(of_tenant) < most and len(alike) < 2
        assert isinstance(answer, Admitted) is room
        if isinstance(answer, Admitted):
            at_work.append((who, answer))


@given(st.lists(st.tuples(whos, st.floats(0, 2)), max_size=60))
def test_a_refused_call_takes_nothing(calls: list[tuple[Who, float]]) -> None:
    limits = [
        Limit(tenant="*", rate=2.0, burst=3, daily_calls=20),
        Limit(tenant="*", user="*", rate=1.0, burst=2, concurrent=4),
        Limit(skill="*", daily_calls=9),
    ]
    one, other, now = Limiter(limits), Limiter(limits), NOON
    for who, wait in calls:
        now += wait
        answer = one.admit(who, now)
        if isinstance(answer, Refused):
            one.admit(who, now)  # once more, which `other` is never asked
        else:
            assert isinstance(other.admit(who, now), Admitted)
    assert _taken(one, now) == _taken(other, now)


def _taken(limiter: Limiter, now: float) -> dict[tuple[str, Who], float]:
    standing = chain.from_iterable(limiter.standing(now))
    return {(each.measure, each.scope): used for each in standing if (used := each.used(now))}


@given(st.lists(st.tuples(whos, st.integers(0, 50)), max_size=40), st.integers(0, 10))
def test_what_a_day_allows_is_never_passed_and_comes_back_at_midnight(
    calls: list[tuple[Who, int]], most: int
) -> None:
    limiter = Limiter([Limit(tenant="acme", daily_calls=most)])
    admitted = [
        who
        for who, wait in calls
        if isinstance(limiter.admit(who, NOON + wait), Admitted) and who[0] == "acme"
    ]
    asked = [who for who, _ in calls if who[0] == "acme"]
    assert len(admitted) == min(most, len(asked))
    refused = limiter.admit(ANN, NOON + 60)
    if isinstance(refused, Refused):
        assert refused.frees_at == (NOON // DAY + 1) * DAY
        assert isinstance(limiter.admit(ANN, refused.frees_at), Admitted) is (most > 0)


def test_limits_made_later_count_what_was_used_before() -> None:
    limiter = Limiter()
    for who in (ANN, ANN, BOB):
        limiter.admit(who, NOON)
    limiter.spend(BOB, NOON, tokens=10)
    limiter.change([Limit(tenant="acme", daily_calls=3), Limit(user="bob", daily_tokens=11)])
    assert isinstance(limiter.admit(ANN, NOON), Refused)
    assert limiter.within(BOB, NOON, "daily_tokens") is None
    limiter.spend(BOB, NOON, tokens=1)
    refused = limiter.within(BOB, NOON, "daily_tokens")
    assert refused is not None
    assert refused.scope == ("", "bob", "")


def test_what_models_cost_is_spent_until_a_days_budget_is() -> None:
    limiter = Limiter([Limit(tenant="acme", daily_cost=1.5), Limit(user="ann", daily_tokens=99)])
    limiter.spend(BOB, NOON, tokens=50, cost=1.25)
    assert limiter.within(ANN, NOON, "daily_tokens", "daily_cost") is None
    limiter.spend(BOB, NOON, tokens=50, cost=0.25)
    assert limiter.within(ANN, NOON, "daily_tokens") is None
    refused = limiter.within(ANN, NOON, "daily_tokens", "daily_cost")
    assert refused is not None
    assert str(refused.error(NOON)).startswith(
        "the limit of tenant 'acme' is reached: 1.5 spent on models per day (UTC); it frees in 12 h"
    )
    assert limiter.within(ANN, refused.frees_at, "daily_tokens", "daily_cost") is None
    assert isinstance(limiter.admit(ANN, NOON), Admitted)


def test_what_was_used_before_a_start_counts_after_it() -> None:
    limiter = Limiter([Limit(tenant="acme", daily_compute_ms=100.0)])
    limiter.heard(day_of(NOON), BOB, Used(4, 0, 100.0, 0), NOON, own=True)
    assert isinstance(limiter.admit(ANN, NOON), Refused)


def test_a_changed_limit_keeps_those_at_work() -> None:
    limiter = Limiter([Limit(tenant="acme", concurrent=2)])
    first = limiter.admit(ANN, NOON)
    assert isinstance(first, Admitted)
    limiter.change([Limit(tenant="acme", concurrent=1)])
    assert isinstance(limiter.admit(ANN, NOON), Refused)
    first.end(NOON + 1)
    first.end(NOON + 1)
    assert isinstance(limiter.admit(ANN, NOON + 1), Admitted)
    assert isinstance(limiter.admit(ANN, NOON + 1), Refused)


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    limiter = Limiter([Limit(tenant="acme", rate=1.0, burst=3)])
    for _ in range(3):
        limiter.admit(ANN, NOON)
    refused = limiter.admit(ANN, NOON - 3600)
    assert isinstance(refused, Refused)
    assert refused.frees_at == NOON - 3600 + 1


def test_a_child_needs_no_place_of_its_own_where_its_parent_has_one() -> None:
    limits = [Limit(tenant="acme", concurrent=1), Limit(skill="*", concurrent=1)]
    limiter = Limiter(limits)
    assert isinstance(limiter.admit(ANN, NOON), Admitted)
    child = ("acme", "ann", "draft")
    assert isinstance(limiter.admit(child, NOON, nested=True), Admitted)
    assert isinstance(limiter.admit(child, NOON, nested=True), Refused)


def test_many_that_wait_are_given_a_moment_each() -> None:
    limiter = Limiter([Limit(tenant="acme", rate=2.0, burst=1)])
    limiter.admit(ANN, NOON)
    slots = []
    for _ in range(4):
        refused = limiter.admit(ANN, NOON)
        assert isinstance(refused, Refused)
        slots.append(refused.gate.slot(refused.frees_at) - NOON)
    assert slots == [0.5, 1.0, 1.5, 2.0]


def test_of_two_limits_of_one_kind_the_one_that_names_somebody_holds() -> None:
    limits = [
        Limit(tenant="acme", user="*", concurrent=1),
        Limit(tenant="acme", user="ann", concurrent=2),
        Limit(tenant="acme", concurrent=3),
    ]
    limiter = Limiter(limits)
    answers = [limiter.admit(who, NOON) for who in (ANN, ANN, ANN, BOB, BOB)]
    assert [isinstance(each, Admitted) for each in answers] == [True, True, False, True, False]
    last = answers[-1]
    assert isinstance(last, Refused)
    assert str(last.error(NOON)) == (
        "the limit of user 'bob' of tenant 'acme' is reached: 1 at work at one time; "
        "a place frees when a call ends, by experience in 0.05 s"
    )


@given(
    st.lists(st.tuples(whos, st.integers(0, 3)), max_size=30),
    st.lists(
        st.builds(
            Limit,
            tenant=st.sampled_from(["", "*", "acme"]),
            user=st.sampled_from(["", "*", "ann"]),
            skill=st.sampled_from(["", "*", "search"]),
            daily_tokens=st.integers(0, 5),
        ),
        max_size=5,
        unique_by=lambda limit: limit.scope,
    ),
)
def test_it_makes_no_difference_when_a_quota_is_set(
    calls: list[tuple[Who, int]], limits: list[Limit]
) -> None:
    before, after = Limiter(limits), Limiter()
    for who, tokens in calls:
        for limiter in (before, after):
            limiter.spend(who, NOON, tokens=tokens)
    after.change(limits)
    assert _taken(after, NOON) == _taken(before, NOON)


def test_a_quota_that_was_away_counts_what_was_used_meanwhile() -> None:
    quota = Limit(tenant="acme", daily_calls=2)
    limiter = Limiter([quota])
    limiter.admit(ANN, NOON)
    limiter.change([])
    limiter.admit(BOB, NOON)
    limiter.change([quota])
    assert isinstance(limiter.admit(ANN, NOON), Refused)


def test_who_is_at_work_at_midnight_keeps_his_place() -> None:
    limiter = Limiter([Limit(tenant="acme", concurrent=1), Limit(tenant="*", user="*", rate=1)])
    admitted = limiter.admit(ANN, NOON)
    assert isinstance(admitted, Admitted)
    others = [("other", f"user-{number}", "search") for number in range(9)]
    for who in others:
        limiter.admit(who, NOON)
    for day in (DAY, 2 * DAY):
        for who in others:
            limiter.admit(who, NOON + day)
        assert isinstance(limiter.admit(BOB, NOON + day), Refused)
    admitted.end(NOON + 2 * DAY)
    assert isinstance(limiter.admit(BOB, NOON + 2 * DAY), Admitted)


def test_gates_of_the_days_before_are_forgotten_as_others_come() -> None:
    limiter = Limiter([Limit(tenant="*", user="*", rate=1, daily_calls=9)])
    for day in range(5):
        for number in range(50):
            limiter.admit(("acme", f"user-{day}-{number}", "search"), NOON + day * DAY)
    assert len(limiter._gates) + len(limiter._older) <= 2 * 2 * 50


def test_other_gateways_make_the_part_of_each_account_smaller() -> None:
    limiter = Limiter([Limit(tenant="acme", concurrent=4)])
    limiter.admit(ANN, NOON)
    limiter.share(2)
    assert isinstance(limiter.admit(BOB, NOON), Admitted)
    assert isinstance(limiter.admit(ANN, NOON), Refused)


def test_users_without_end_are_counted_together_from_some_number_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("catnap.access.today.MOST", 3)
    limits = [Limit(tenant="*", user="*", daily_calls=2), Limit(tenant="*", daily_calls=7)]
    limiter = Limiter(limits)
    whos = [("acme", f"user-{number}", "search") for number in range(9)]
    admitted = [isinstance(limiter.admit(who, NOON), Admitted) for who in whos]
    assert admitted == [True] * 5 + [False] * 4
    assert isinstance(limiter.admit(whos[0], NOON), Admitted)
    assert isinstance(limiter.admit(("rival", "user-9", "search"), NOON), Admitted)
    assert {tally.who[1] for tally in limiter.noted()} == {
        *("user-0", "user-1", "user-2", "*", "user-9")
    }
