"""Whose request is next, where more are asked than servers can answer."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from catnap.models.fair import YIELDS, Queue, Ticket

COSTS = st.floats(0.1, 50)
TICKETS = st.builds(
    Ticket,
    tenant=st.sampled_from("abc"),
    skill=st.sampled_from("xyz"),
    cost=COSTS,
    priority=st.integers(1, 3),
    weight=st.sampled_from([0.5, 1.0, 4.0]),
)


def filled(*tickets: Ticket) -> Queue:
    queue = Queue()
    for ticket in tickets:
        queue.push(ticket)
    return queue


def taken(queue: Queue, most: int) -> list[Ticket]:
    found = (queue.pop() for _ in range(most))
    return [ticket for ticket in found if ticket]


@given(st.lists(st.tuples(TICKETS, st.sampled_from(["push", "push", "pop", "drop", "correct"]))))
def test_each_has_one_turn_unless_it_leaves_and_a_skill_keeps_its_order(
    steps: list[tuple[Ticket, str]],
) -> None:
    queue, waiting, served = Queue(), list[Ticket](), list[Ticket]()
    for ticket, step in steps:
        if step == "push":
            queue.push(ticket)
            waiting.append(ticket)
        elif step == "pop":
            found = queue.pop()
            assert (found is None) == (not waiting)
            if found:
                ahead = [
                    each
                    for each in waiting[: waiting.index(found)]
                    if (each.tenant, each.skill, each.priority)
                    == (found.tenant, found.skill, found.priority)
                ]
                assert not ahead
                waiting.remove(found)
                served.append(found)
        elif step == "drop" and waiting:
            gone = waiting.pop(len(waiting) // 2)
            assert queue.drop(gone)
            assert not queue.drop(gone)
        elif step == "correct" and served:
            queue.correct(served.pop(), ticket.cost)
        assert len(queue) == len(waiting)
        assert abs(queue.cost - sum(each.cost for each in waiting)) < 1e-6
    rest = taken(queue, len(waiting) + 1)
    assert Counter(map(id, rest)) == Counter(map(id, waiting))


@given(st.lists(COSTS, min_size=30, max_size=60), st.lists(COSTS, min_size=30, max_size=60))
def test_tenants_that_both_wait_get_the_same_to_within_one_request_of_each(
    ones: list[float], others: list[float]
) -> None:
    queue = filled(*(Ticket("a", "x", cost) for cost in ones))
    for cost in others:
        queue.push(Ticket("b", "x", cost))
    most = max(ones) + max(others)
    given_: Counter[str] = Counter()
    left = {"a": len(ones), "b": len(others)}
    while all(left.values()):
        ticket = queue.pop()
        assert ticket
        given_[ticket.tenant] += ticket.cost  # type: ignore[assignment]
        left[ticket.tenant] -= 1
        assert abs(given_["a"] - given_["b"]) <= most + 1e-6


def test_a_tenant_of_twice_the_weight_gets_twice_as_much() -> None:
    queue = filled(*(Ticket("a", "x", weight=2.0) for _ in range(90)))
    for _ in range(90):
        queue.push(Ticket("b", "x"))
    share = Counter(ticket.tenant for ticket in taken(queue, 90))
    assert abs(share["a"] - 60) <= 1


@given(st.integers(1, 1000), st.integers(0, 100))
def test_who_comes_into_a_flood_is_next_but_one(flood: int, before: int) -> None:
    queue = filled(*(Ticket("flood", "x") for _ in range(flood + before)))
    taken(queue, before)
    queue.push(Ticket("quiet", "x"))
    assert "quiet" in [ticket.tenant for ticket in taken(queue, 2)]


def test_skills_of_one_tenant_take_turns_within_its_part() -> None:
    queue = filled(*(Ticket("a", "busy", cost=3) for _ in range(100)))
    for _ in range(10):
        queue.push(Ticket("a", "calm", cost=3))
        queue.push(Ticket("b", "x", cost=3))
    first = taken(queue, 20)
    assert Counter(ticket.tenant for ticket in first) == {"a": 10, "b": 10}
    assert Counter(ticket.skill for ticket in first) == {"busy": 5, "calm": 5, "x": 10}


def test_the_more_urgent_is_served_first_and_the_least_urgent_not_never() -> None:
    queue = filled(*(Ticket("a", "x", priority=1) for _ in range(5)))
    for _ in range(3 * YIELDS):
        queue.push(Ticket("b", "x", priority=3))
    order = [ticket.priority for ticket in taken(queue, 3 * YIELDS)]
    assert order[:YIELDS] == [3] * YIELDS
    assert order.count(1) == 2


def test_between_two_classes_one_that_is_neither_comes_to_its_turns_too() -> None:
    queue = filled(*(Ticket("a", "x", priority=1 + n % 3) for n in range(3000)))
    share = Counter(ticket.priority for ticket in taken(queue, 17 * 17 * 3))
    assert share == {3: 16 * 17 * 3, 2: 16 * 3, 1: 3}


@given(st.lists(TICKETS, max_size=40), TICKETS)
def test_who_gives_way_is_the_last_of_the_least_urgent_that_have_most(
    tickets: list[Ticket], ticket: Ticket
) -> None:
    queue = filled(*tickets)

    def more(one: Ticket, than: Ticket) -> int:
        """Of the tenant's waiting ones in its class."""
        flow = (one.priority, one.tenant)
        return sum((each.priority, each.tenant) == flow for each in tickets) - sum(
            (each.priority, each.tenant) == (than.priority, than.tenant) for each in tickets
        )

    found = queue.yielding(ticket)
    least = min((each.priority for each in tickets), default=9)
    rivals = [each for each in tickets if each.priority == least]
    if found is None:
        assert least > ticket.priority or (
            least == ticket.priority and all(more(each, ticket) <= 1 for each in rivals)
        )
    else:
        assert found.priority == least <= ticket.priority
        assert all(more(found, each) >= 0 for each in rivals)
        assert least < ticket.priority or more(found, ticket) > 1
        skill = [
            each for each in rivals if (each.tenant, each.skill) == (found.tenant, found.skill)
        ]
        assert found is skill[-1]
        assert queue.drop(found)


def test_what_cost_more_than_was_thought_is_made_up_for() -> None:
    queue = filled(*(Ticket("a", "x") for _ in range(40)))
    for _ in range(40):
        queue.push(Ticket("b", "x"))
    first = next(ticket for ticket in iter(queue.pop, None) if ticket.tenant == "a")
    queue.correct(first, 11.0)
    share = Counter(ticket.tenant for ticket in taken(queue, 20))
    assert share["b"] - share["a"] in (8, 9, 10, 11)


def test_what_is_ahead_is_each_other_tenants_part_and_all_that_is_more_urgent() -> None:
    queue = filled(
        *(Ticket("a", "x", cost=5, priority=2) for _ in range(100)),
        Ticket("b", "x", cost=2, priority=2),
        Ticket("c", "x", cost=7, priority=3),
        Ticket("d", "x", cost=9, priority=1),
    )
    assert queue.ahead(Ticket("new", "x", cost=4, priority=2)) == 7 + 4 + 2
    assert queue.ahead(Ticket("a", "x", cost=5, priority=2)) == 7 + 500 + 2


def test_who_has_gone_is_forgotten() -> None:
    queue = Queue()
    for number in range(10_000):
        queue.push(Ticket(f"t{number}", "x"))
        queue.pop()
    [only] = queue._classes.values()
    assert len(only.tenants) < 200
    assert len(only.turns._ends) < 200
    assert len(only.turns._heap) < 200
