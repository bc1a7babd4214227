"""Requests at a model's servers, and those that wait for them."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.errors import DeadlineExceeded, ResourceExhausted
from catnap.models.adaptive import Limit, Range
from catnap.models.outlier import Health, Rules
from catnap.models.place import Ask, Server
from catnap.models.pool import Pool


def servers(*rooms: int, errors: int = 3) -> list[Server[str]]:
    return [
        Server(f"s{n}", f"s{n}", Limit(Range(room, room, room)), Health(Rules(errors, 100, 100)))
        for n, room in enumerate(rooms)
    ]


class Asked:
    """One request in a task of its own, that holds its place until it is told."""

    def __init__(self, pool: Pool[str], ask: Ask) -> None:
        self.server: str | None = None
        self.go = asyncio.Event()
        self.task = asyncio.create_task(self._run(pool, ask))

    async def _run(self, pool: Pool[str], ask: Ask) -> None:
        async with pool.place(ask) as place:
            self.server = place.server.name
            await self.go.wait()
            place.answered()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_those_who_wait_are_served_fairly_as_places_are_given_back() -> None:
    pool = Pool("m", servers(1))
    first = Asked(pool, Ask("flood"))
    flood = [Asked(pool, Ask("flood")) for _ in range(100)]
    await settle()
    quiet = Asked(pool, Ask("quiet"))
    await settle()
    first.go.set()
    await settle()
    for asked in flood:
        asked.go.set()
    await settle()
    assert quiet.server == "s0"
    assert sum(asked.server is not None for asked in flood) <= 2
    quiet.go.set()
    await asyncio.gather(*(asked.task for asked in (first, quiet, *flood)))
    assert pool.servers[0].inflight == 0


def learning(start: int, most: int) -> list[Server[str]]:
    """One that has shown what it takes, and may be given more."""
    limit = Limit(Range(1, most, start))
    limit.answered(1.0, 1, 0.0)
    return [Server("s0", "s0", limit)]


async def test_a_place_is_kept_for_who_has_none_and_not_for_who_floods() -> None:
    pool = Pool("m", learning(start=4, most=64))
    flood = [Asked(pool, Ask("flood")) for _ in range(10)]
    await settle()
    calm, second = Asked(pool, Ask("calm")), Asked(pool, Ask("calm"))
    more = Asked(pool, Ask("flood"))
    await settle()
    assert (calm.server, second.server, more.server) == ("s0", None, None)
    assert pool.servers[0].inflight == 5
    await finish(*flood, calm, second, more)


@pytest.mark.parametrize(("start", "most", "priority"), [(4, 4, 0), (4, 64, -1)])
async def test_nothing_is_kept_beyond_the_most_or_for_who_is_less_urgent(
    start: int, most: int, priority: int
) -> None:
    pool = Pool("m", learning(start, most))
    flood = [Asked(pool, Ask("flood")) for _ in range(9)]
    await settle()
    calm = Asked(pool, Ask("calm", priority=priority))
    await settle()
    assert calm.server is None
    assert pool.servers[0].inflight == 4
    await finish(*flood, calm)


async def test_who_leaves_while_it_waits_takes_no_turn() -> None:
    pool = Pool("m", servers(1))
    first, second, third = (Asked(pool, Ask("a")) for _ in range(3))
    await settle()
    second.task.cancel()
    first.go.set()
    await settle()
    assert third.server == "s0"
    third.go.set()
    await asyncio.gather(first.task, third.task)
    assert second.task.cancelled()


async def test_who_leaves_just_when_its_turn_comes_gives_the_place_to_the_next() -> None:
    pool = Pool("m", servers(1))
    first, second, third = (Asked(pool, Ask("a")) for _ in range(3))
    await settle()
    first.go.set()
    await first.task
    second.task.cancel()
    await settle()
    assert third.server == "s0"
    third.go.set()
    await third.task
    assert pool.servers[0].inflight == 0


async def test_a_wait_ends_with_its_deadline() -> None:
    pool = Pool("m", servers(1))
    first = Asked(pool, Ask("a"))
    await settle()
    late = Asked(pool, Ask("a", deadline=pool.clock() + 0.01))
    with pytest.raises(DeadlineExceeded, match="'m'"):
        await late.task
    assert not len(pool.queue)
    first.go.set()
    await first.task


async def test_what_cannot_be_in_time_is_refused_at_once_with_when_to_come_back() -> None:
    now = 0.0
    pool = Pool("m", servers(1), clock=lambda: now)
    asked = [Asked(pool, Ask("a")) for _ in range(10)]
    for each in asked[:6]:
        await settle()
        now += 1.0
        each.go.set()
    await settle()
    with pytest.raises(ResourceExhausted, match=r"it would wait about 3\.\d s") as refused:
        await Asked(pool, Ask("a", deadline=now + 1.0)).task
    assert refused.value.retry_after == pytest.approx(2.0, abs=1.0)
    for each in asked:
        each.go.set()
    await asyncio.gather(*(each.task for each in asked))


async def finish(*asked: Asked) -> None:
    for each in asked:
        each.go.set()
    await asyncio.gather(*(each.task for each in asked))


async def test_only_so_many_may_wait() -> None:
    pool = Pool("m", servers(1), waiting=3)
    asked = [Asked(pool, Ask("a")) for _ in range(4)]
    await settle()
    with pytest.raises(ResourceExhausted, match="3 requests wait already"):
        await Asked(pool, Ask("a")).task
    assert len(pool.queue) == 3
    await finish(*asked)


async def test_where_no_more_may_wait_the_last_of_a_flood_gives_way() -> None:
    pool = Pool("m", servers(1), waiting=3)
    *first, last = [Asked(pool, Ask("a")) for _ in range(4)]
    await settle()
    quiet = Asked(pool, Ask("b"))
    await settle()
    with pytest.raises(ResourceExhausted, match="3 requests wait already"):
        await last.task
    assert len(pool.queue) == 3
    with pytest.raises(ResourceExhausted):
        await Asked(pool, Ask("b")).task  # it would have as many as the other
    await finish(*first, quiet)
    assert quiet.server == "s0"


async def test_who_gave_way_just_as_it_left_takes_nothing_along() -> None:
    pool = Pool("m", servers(1), waiting=2)
    first, second, last = [Asked(pool, Ask("a")) for _ in range(3)]
    await settle()
    quiet = Asked(pool, Ask("b"))
    await asyncio.sleep(0)
    last.task.cancel()
    await settle()
    assert last.task.done()
    assert len(pool.queue) == 2
    await finish(first, second, quiet)
    assert pool.servers[0].inflight == 0


async def test_who_has_tried_the_only_free_server_waits_with_the_others_and_is_served() -> None:
    pool = Pool("m", servers(1, 1))
    busy = Asked(pool, Ask("a", tried=["s1"]))
    other = Asked(pool, Ask("a", tried=["s0"]))
    await settle()
    again = Asked(pool, Ask("a", tried=["s1"]))
    late = Asked(pool, Ask("a"))
    await settle()
    await finish(other)
    await settle()
    assert again.server == "s1"
    await finish(busy, again, late)


async def test_a_server_that_comes_back_is_given_those_who_wait_while_the_others_are_busy() -> None:
    now = 0.0
    pool = Pool("m", servers(1, 1), clock=lambda: now)
    pool.servers[1].health = Health(Rules(1, 0.01, 0.01))
    pool.servers[1].health.failed(now)
    busy, waits = (Asked(pool, Ask("a")) for _ in range(2))
    await settle()
    assert waits.server is None
    now = 1.0
    async with asyncio.timeout(10):
        while not waits.server:  # nobody else comes or goes
            await asyncio.sleep(0.001)
    assert waits.server == "s1"
    await finish(busy, waits)


async def test_who_leaves_just_when_it_was_to_try_a_server_again_lets_the_next_one_try() -> None:
    now = 0.0
    pool = Pool("m", servers(1, 1), clock=lambda: now)
    first, second = (Asked(pool, Ask("a", tried=[name])) for name in ("s1", "s0"))
    await settle()
    waits = Asked(pool, Ask("a"))
    await settle()
    pool.servers[1].health = Health(Rules(1, 1.0, 1.0))
    pool.servers[1].health.failed(now)
    now = 2.0
    second.go.set()
    await second.task
    waits.task.cancel()
    await settle()
    assert pool.servers[1].health.asked(now)
    await finish(first)


async def test_what_it_cost_is_said_of_one_that_never_waited() -> None:
    pool = Pool("m", servers(1))
    async with pool.place(Ask("a", priority=3)) as place:
        place.answered(cost=7.0)


async def test_a_server_that_answers_nobody_for_long_is_left_alone() -> None:
    now = 0.0
    pool = Pool("m", servers(9), clock=lambda: now)
    [server] = pool.servers
    async with pool.place(Ask("a")) as place:
        now += 1.0
        place.answered()
    for _ in range(3):
        async with pool.place(Ask("a")) as place:
            now += 5.0
            place.late()
    assert server.health.ejected


async def test_callers_in_a_hurry_and_a_slow_one_among_others_are_not_held_against_a_server() -> (
    None
):
    now = 0.0
    pool = Pool(
        "m", [Server("s0", "s0", Limit(Range(2, 64, 64)), Health(Rules(3)))], clock=lambda: now
    )
    [server] = pool.servers
    for _ in range(2):
        async with pool.place(Ask("a")) as place:
            now += 1.0
            place.answered()
    for _ in range(100):
        async with pool.place(Ask("hasty")) as place:
            now += 0.01
            place.late()
    assert (server.room, server.health.ejected) == (64, False)
    for _ in range(10):
        async with pool.place(Ask("a")) as slow:
            now += 5.0
            async with pool.place(Ask("a")) as place:
                place.answered()
            slow.late()
    assert not server.health.ejected
    assert server.room < 64


async def test_a_server_whose_answers_begin_does_not_hang() -> None:
    now = 0.0
    pool = Pool("m", servers(9), clock=lambda: now)
    for _ in range(10):
        async with pool.place(Ask("a")) as late, pool.place(Ask("a")) as stream:
            stream.begun()
            now += 5.0
            late.late()
    assert not pool.servers[0].health.ejected


async def test_no_time_left_is_a_deadline_not_a_lack_of_room() -> None:
    pool = Pool("m", servers(1))
    first = Asked(pool, Ask("a"))
    await settle()
    for deadline in (0.0, pool.clock() - 1):
        with pytest.raises(DeadlineExceeded):
            await Asked(pool, Ask("a", deadline=deadline)).task
    await finish(first)


async def test_a_server_that_fails_is_asked_no_more_and_one_that_was_tried_not_first() -> None:
    pool = Pool("m", servers(9, 9))
    for _ in range(50):
        async with pool.place(Ask("a", tried=["s1"])) as place:
            assert place.server.name == "s0"
    for _ in range(3):
        async with pool.place(Ask("a", tried=["s1"])) as place:
            place.failed()
    for _ in range(50):
        async with pool.place(Ask("a")) as place:
            assert place.server.name == "s1"
            place.answered()


async def test_servers_that_come_are_given_those_who_wait() -> None:
    pool = Pool("m", servers(1))
    first, second = (Asked(pool, Ask("a")) for _ in range(2))
    await settle()
    pool.change(servers(2, 2))
    await settle()
    assert second.server
    for each in (first, second):
        each.go.set()
    await asyncio.gather(first.task, second.task)


@given(st.integers(0), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_no_server_has_more_than_it_may_and_no_place_is_lost(seed: int, rooms: list[int]) -> None:
    dice = random.Random(seed)

    async def ask(pool: Pool[str], seen: Counter[str]) -> None:
        async with pool.place(Ask(dice.choice("abc"), priority=dice.choice([1, 2]))) as place:
            seen[place.server.name] += 1
            assert seen[place.server.name] <= place.server.room
            try:
                for _ in range(dice.randrange(5)):
                    await asyncio.sleep(0)
                ends: list[Callable[[], None]] = [place.answered, place.failed, place.late]
                dice.choice([*ends, place.refused, place.leave])()
            finally:
                seen[place.server.name] -= 1

    async def run() -> None:
        pool, seen = Pool("m", servers(*rooms, errors=5), chance=dice.random), Counter[str]()
        tasks = [asyncio.create_task(ask(pool, seen)) for _ in range(40)]
        for task in dice.sample(tasks, 15):
            for _ in range(dice.randrange(4)):
                await asyncio.sleep(0)
            task.cancel()
        async with asyncio.timeout(10):
            done = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(each is None or isinstance(each, asyncio.CancelledError) for each in done)
        assert not len(pool.queue)
        assert [each.inflight for each in pool.servers] == [0] * len(rooms)

    asyncio.run(run())
