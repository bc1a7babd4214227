"""Where sessions are at home, as the gateways of one store agree on it."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import pytest

from catnap.errors import Unavailable
from catnap.sessions import referee
from catnap.sessions.referee import COUNT, Referee
from catnap.sessions.rows import HOLD, LOOK, TABLES, Home, id_of
from catnap.store import Store

S = id_of("acme/echo", "ann\0s")


@dataclass
class World:
    """Two gateways; on a file there is one, and it is both."""

    stores: list[Store]
    now: float = 1_000_000.0
    gateways: list[Referee] = field(init=False)

    def __post_init__(self) -> None:
        names = ["a", "b"]
        self.gateways = [
            Referee(store, name, lambda: self.now)
            for store, name in zip(self.stores, names, strict=True)
        ]

    async def claim(
        self,
        gateway: int,
        instance: str,
        seen: Home | None = None,
        session: str = S,
        idle: float = 60.0,
        most: int = 0,
        busy: tuple[str, ...] = (),
    ) -> Home:
        return await self.gateways[gateway].claim(
            session, seen, "acme/echo", "echo-1", instance, idle=idle, most=most, busy=busy
        )

    async def find(self, gateway: int, session: str = S) -> str | None:
        home = await self.gateways[gateway].find(session)
        return home.instance if home else None


@pytest.fixture
def world(lasting: str) -> Iterator[World]:
    with ExitStack() as parts:
        store = Store(lasting, [TABLES])
        parts.callback(store.close)
        other = store
        if store.shared:
            other = Store(lasting, [TABLES])
            parts.callback(other.close)
        yield World([store, other])


async def test_a_new_session_is_nowhere(world: World) -> None:
    assert await world.find(0) is None


async def test_the_first_claim_stands_and_the_other_gateway_is_told_of_it(world: World) -> None:
    first = await world.claim(0, "p")
    assert (first.revision, first.instance, first.gateway) == ("echo-1", "p", "a")
    assert await world.claim(1, "q") == first
    assert await world.find(1) == "p"


async def test_a_home_is_replaced_by_who_has_seen_it_as_it_is(world: World) -> None:
    first = await world.claim(0, "p")
    second = await world.claim(1, "q", first)
    assert second.instance == "q"
    assert await world.claim(0, "r", first) == second


async def test_a_home_that_has_come_back_is_not_the_one_that_was_seen(world: World) -> None:
    first = await world.claim(0, "p")
    again = await world.claim(1, "p", await world.claim(1, "q", first))
    assert await world.claim(0, "r", first) == again


async def test_of_many_claims_at_once_all_are_told_the_same(world: World) -> None:
    claims = (world.claim(n % 2, f"p{n}") for n in range(200))
    assert len({home.instance for home in await asyncio.gather(*claims)}) == 1


async def test_sessions_that_two_gateways_claim_in_any_order_all_have_one_home(
    world: World,
) -> None:
    sessions = [id_of("acme/echo", str(n)) for n in range(300)]
    claims = [world.claim(0, "p", session=each) for each in sessions]
    claims += [world.claim(1, "q", session=each) for each in reversed(sessions)]
    told = Counter(zip(sessions + sessions[::-1], await asyncio.gather(*claims), strict=True))
    assert set(told.values()) == {2}


async def test_a_home_lasts_for_as_long_as_it_may_be_idle_and_not_for_ever(world: World) -> None:
    await world.claim(0, "p")
    world.now += 60
    assert await world.find(1) == "p"
    world.now += 60
    assert await world.find(0) == "p"
    world.now += 60 + 15
    assert await world.find(1) is None
    assert (await world.claim(1, "q")).instance == "q"


@pytest.mark.parametrize("idle", [1.0, 60.0, 900.0])
async def test_a_session_that_is_used_again_and_again_stays(world: World, idle: float) -> None:
    await world.claim(0, "p", idle=idle)
    for _ in range(20):
        world.now += idle * 0.9
        assert await world.find(1) == "p"


async def test_a_use_is_not_written_down_each_time(world: World) -> None:
    async def until() -> float:
        [row] = await world.stores[0].run(lambda db: db.execute("SELECT * FROM homes").fetchall())
        return float(row["until"])

    await world.claim(0, "p", idle=900)
    at_first = await until()
    for _ in range(10):
        world.now += 5
        await world.find(0)
    assert await until() == at_first
    world.now += 15
    await world.find(0)
    assert await until() == world.now + 960


async def test_a_call_at_work_keeps_the_home_however_long(world: World) -> None:
    await world.claim(0, "p", idle=10)
    for _ in range(50):
        world.now += LOOK
        await world.gateways[0].look({S: False})
    world.now += 10
    assert await world.find(1) == "p"


async def test_who_else_uses_a_home_and_whether_calls_are_at_work_is_known(world: World) -> None:
    home = await world.claim(0, "p")
    assert (home.common, home.busy) == (False, 0.0)
    home = await world.gateways[0].find(S)
    assert home is not None
    assert not home.common
    home = await world.gateways[1].find(S)
    assert home is not None
    assert home.common
    await world.gateways[1].look({S: True})
    await world.gateways[0].look({S: False})
    home = await world.gateways[0].find(S)
    assert home is not None
    assert (home.common, home.busy) == (True, world.now + HOLD)
    home = await world.claim(0, "q", home)
    assert (home.common, home.busy) == (False, 0.0)


async def test_who_was_quiet_longest_leaves_an_instance_that_has_too_many(world: World) -> None:
    sessions = [id_of("acme/echo", str(n)) for n in range(4)]
    for number, each in enumerate(sessions[:3]):
        await world.claim(number % 2, "p", session=each, most=3)
        world.now += 2 * LOOK
    await world.find(1, sessions[0])
    await world.claim(1, "p", session=sessions[3], most=3, busy=(sessions[1],))
    assert [await world.find(0, each) for each in sessions] == ["p", "p", "", "p"]
    home = await world.gateways[0].find(sessions[2])
    assert home is not None
    assert home.revision == "echo-1", "it has lost no more than the instance"
    assert (await world.claim(0, "q", home, sessions[2])).instance == "q"


async def test_each_gateway_knows_how_many_sessions_an_instance_has(world: World) -> None:
    for number in range(5):
        session = id_of("acme/echo", str(number))
        await world.claim(number % 2, "pq"[number % 2], session=session)
    for gateway in world.gateways:
        await gateway.look({})
        assert [gateway.count("acme/echo", each) for each in "pqr"] == [3, 2, 0]
        assert gateway.count("other/echo", "p") == 0
    await world.claim(0, "r")
    for seconds, known in ((0, 0), (COUNT, 1)):
        world.now += seconds
        await world.gateways[0].look({})
        assert world.gateways[0].count("acme/echo", "r") == known


async def test_homes_that_are_over_are_forgotten(world: World) -> None:
    await world.claim(0, "p")
    await world.claim(0, "p", session="other", idle=900)
    world.now += 200
    await world.gateways[1].look({})
    rows = await world.stores[0].run(lambda db: db.execute("SELECT id FROM homes").fetchall())
    assert [row["id"] for row in rows] == ["other"]
    assert world.gateways[1].count("acme/echo", "p") == 1


async def test_what_is_asked_at_once_is_asked_in_few_transactions(world: World) -> None:
    before = world.stores[0].count
    sessions = [id_of("acme/echo", str(n)) for n in range(256)]
    await asyncio.gather(*(world.find(0, each) for each in sessions))
    assert world.stores[0].count - before <= 3


async def test_who_gives_up_leaves_the_others_their_answer(world: World) -> None:
    await world.claim(0, "p")
    asks = [asyncio.create_task(world.find(0)) for _ in range(3)]
    await asyncio.sleep(0)
    asks[0].cancel()
    assert await asks[1] == await asks[2] == "p"


async def test_a_store_that_is_away_is_unavailable(world: World) -> None:
    for store in world.stores:
        store.close()
    with pytest.raises(Unavailable):
        await world.find(0)
    with pytest.raises(Unavailable):
        await world.claim(0, "p")


async def test_a_store_that_does_not_answer_is_unavailable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(referee, "PATIENCE", 0.01)
    answer = threading.Event()
    world.stores[0].later(lambda db: answer.wait())
    try:
        with pytest.raises(Unavailable, match="where the session is at home"):
            await world.find(0)
    finally:
        answer.set()


def test_sessions_of_one_name_are_told_apart_by_service_user_and_revision() -> None:
    named = [
        id_of("acme/echo", "ann\0s"),
        id_of("acme/other", "ann\0s"),
        id_of("acme/echo", "bob\0s"),
        id_of("acme/echo", ("ann\0s", "echo-1")),
    ]
    assert len(set(named)) == len(named)
