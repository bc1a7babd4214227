"""Calls that wait for a place."""

from __future__ import annotations

from catnap.services.instance import Instance
from catnap.services.waiting import Waiter, Waiting
from tests.services.test_pool import Ready


class Session(str):
    """Counts how often any is compared with another."""

    compared = 0
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        Session.compared += 1
        return str.__eq__(self, other)

    __hash__ = str.__hash__


class World:
    """Sessions at home where it is said, and what is told of the queue."""

    def __init__(self, concurrency: int = 1) -> None:
        self.homes: dict[str, Instance] = {}
        self.told = 0
        self.waiting = Waiting(lambda session: self.homes.get(session), concurrency, self._grew)

    def _grew(self, by: int) -> None:
        self.told += by

    def served(self, instance: Instance) -> list[Waiter]:
        """All that may go there, in their order."""
        found = []
        while waiter := self.waiting.next(instance):
            found.append(waiter)
        return found


async def test_first_come_first_served_whoever_waits_for_what() -> None:
    world, one, other = World(), Ready("one"), Ready("other")
    world.homes = {"at one": one, "at the other": other}
    first, second, third, fourth = (
        world.waiting.add(session) for session in ("", "at one", "at the other", "")
    )
    assert len(world.waiting) == world.told == 4
    assert world.served(one) == [first, second, fourth]
    assert world.served(other) == [third]
    assert len(world.waiting) == world.told == 0


async def test_who_waited_for_an_instance_that_is_lost_has_its_old_turn() -> None:
    world, lost = World(), Ready("lost")
    before = world.waiting.add("")
    world.homes = {"s": lost}
    bound = world.waiting.add("s")
    after = world.waiting.add("")
    world.homes = {}
    world.waiting.forget(lost)
    assert world.served(Ready("any")) == [before, bound, after]


async def test_of_a_session_no_more_count_than_can_meet() -> None:
    world, home = World(concurrency=2), Ready("home")
    waiters = [world.waiting.add("s") for _ in range(5)]
    assert world.waiting.demand == 2
    world.waiting.remove(waiters[0])
    assert world.waiting.demand == 2
    world.homes = {"s": home}
    world.waiting.settled("s", home)
    assert (world.waiting.demand, len(world.waiting)) == (0, 4)
    world.waiting.remove(waiters[1])
    world.waiting.remove(waiters[1])
    assert world.served(home) == waiters[2:]


async def test_a_session_that_settles_looks_at_its_own_calls_only() -> None:
    world, home = World(), Ready("home")
    sessions = [Session(number) for number in range(1000)]
    for session in sessions:
        world.waiting.add(session)
    Session.compared = 0
    for session in sessions:
        world.homes[session] = home
        world.waiting.settled(session, home)
    assert Session.compared < 10 * len(sessions)
    assert [each.session for each in world.served(home)] == sessions


async def test_nobody_waits_where_all_are_told() -> None:
    world, home = World(), Ready("home")
    world.homes = {"s": home}
    waiters = {world.waiting.add(session) for session in ("", "s", "t")}
    assert set(world.waiting.drain()) == waiters
    assert (len(world.waiting), world.waiting.demand, world.told) == (0, 0, 0)
    assert not world.waiting.wanted(home)
