"""One request to a model that several servers have."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

import pytest

from catnap.errors import DeadlineExceeded, InvalidRequest, SkillCrashed, Unavailable
from catnap.models.adaptive import Limit, Range
from catnap.models.exchange import MARGIN, Exchange
from catnap.models.outlier import Health, Rules
from catnap.models.place import Ask, Server
from catnap.models.pool import Pool
from catnap.models.retries import RetryBudget
from catnap.models.verdict import UpstreamError, of_grpc

Behaviour = Callable[[], str]


def fails(code: str) -> Behaviour:
    def behaviour() -> str:
        raise of_grpc("m", code, "as it is")

    return behaviour


def answers() -> str:
    return "done"


class Servers:
    """Each does what it was told; asked: their names, in the order of asking."""

    def __init__(self, *behaviours: Behaviour, budget: RetryBudget | None = None) -> None:
        self.asked: list[str] = []
        self.left: list[float | None] = []
        names = [f"s{number}" for number in range(len(behaviours))]
        self.does = dict(zip(names, behaviours, strict=True))
        servers = [
            Server(name, name, Limit(Range(9, 9, 9)), Health(Rules(3, 100, 100))) for name in names
        ]
        self.pool = Pool("m", servers, chance=lambda: 0.0)
        self.exchange = Exchange(self.pool, budget or RetryBudget(self.pool.clock()))

    async def send(self, name: str, left: float | None) -> str:
        self.asked.append(name)
        self.left.append(left)
        return self.does[name]()

    async def answer(self, ask: Ask | None = None) -> str:
        return await self.exchange.answer(ask or Ask("a"), self.send)

    @property
    def ejected(self) -> set[str]:
        return {each.name for each in self.pool.servers if each.health.ejected}


async def test_another_server_is_asked_where_one_cannot_be_reached() -> None:
    servers = Servers(fails("UNAVAILABLE"), answers)
    assert await servers.answer() == "done"
    assert servers.asked == ["s0", "s1"]


async def test_what_fails_wherever_it_is_asked_is_asked_once() -> None:
    servers = Servers(fails("INVALID_ARGUMENT"), answers)
    for _ in range(10):
        with pytest.raises(InvalidRequest, match="as it is"):
            await servers.answer()
    assert servers.asked == ["s0"] * 10
    assert not servers.ejected


async def test_a_server_that_fails_what_another_answers_is_left_alone() -> None:
    servers = Servers(fails("INTERNAL"), answers)
    for _ in range(3):
        assert await servers.answer() == "done"
    assert servers.ejected == {"s0"}
    await servers.answer()
    assert servers.asked[-1] == "s1"


async def test_a_server_that_has_not_loaded_the_model_is_left_alone() -> None:
    servers = Servers(fails("NOT_FOUND"), answers)
    for _ in range(3):
        assert await servers.answer() == "done"
    assert servers.ejected == {"s0"}


async def test_what_has_its_state_at_one_server_is_not_sent_to_another() -> None:
    servers = Servers(fails("UNAVAILABLE"), answers)
    with pytest.raises(Unavailable):
        await servers.answer(Ask("a", once=True))
    assert servers.asked == ["s0"]


async def test_a_request_that_fails_everywhere_has_no_server_left_alone() -> None:
    servers = Servers(fails("INTERNAL"), fails("INTERNAL"), fails("INTERNAL"))
    for _ in range(10):
        with pytest.raises(SkillCrashed):
            await servers.answer()
    assert not servers.ejected


async def test_three_servers_at_most_are_asked() -> None:
    servers = Servers(*[fails("UNAVAILABLE")] * 5)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await servers.answer()
    assert len(servers.asked) == len(set(servers.asked)) == 3


async def test_nothing_is_tried_again_once_the_budget_is_spent() -> None:
    budget = RetryBudget(0.0, share=0.0, rate=0.0)
    servers = Servers(fails("UNAVAILABLE"), answers, budget=budget)
    with pytest.raises(Unavailable):
        await servers.answer()
    assert servers.asked == ["s0"]


async def test_a_server_is_given_what_is_left_of_the_deadline_less_a_margin() -> None:
    servers = Servers(answers)
    await servers.answer(Ask("a", deadline=servers.pool.clock() + 10))
    [left] = servers.left
    assert left is not None
    assert 9 < left <= 10 - MARGIN
    with pytest.raises(DeadlineExceeded):
        await servers.answer(Ask("a", deadline=servers.pool.clock() + MARGIN / 2))


class Streams:
    def __init__(self, *parts: str | UpstreamError) -> None:
        self.parts = parts

    async def open(self, name: str, left: float | None) -> AsyncGenerator[str, None]:
        for part in self.parts if name == "s0" else ["whole"]:
            if isinstance(part, UpstreamError):
                raise part
            yield part


async def test_a_stream_begins_anew_elsewhere_only_before_its_first_part() -> None:
    servers = Servers(answers, answers)
    gone = of_grpc("m", "UNAVAILABLE", "")
    stream = servers.exchange.stream(Ask("a"), Streams(gone).open)
    assert [part async for part in stream] == ["whole"]
    stream = servers.exchange.stream(Ask("a"), Streams("one", "two", gone).open)
    assert [await anext(stream), await anext(stream)] == ["one", "two"]
    with pytest.raises(Unavailable):
        await anext(stream)


async def test_a_stream_whose_clock_stands_still_does_not_begin_anew_either() -> None:
    servers = Servers(answers, answers)
    servers.pool.clock = lambda: 5.0
    gone = of_grpc("m", "UNAVAILABLE", "")
    stream = servers.exchange.stream(Ask("a"), Streams("one", gone).open)
    assert await anext(stream) == "one"
    with pytest.raises(Unavailable):
        await anext(stream)


async def test_streams_that_last_longer_than_their_callers_wait_are_no_fault_of_the_server() -> (
    None
):
    servers = Servers(answers)
    late = of_grpc("m", "DEADLINE_EXCEEDED", "")
    now = 0.0
    servers.pool.clock = lambda: now
    for _ in range(10):
        stream = servers.exchange.stream(Ask("a"), Streams("one", late).open)
        assert await anext(stream) == "one"
        now += 30.0
        with pytest.raises(DeadlineExceeded):
            await anext(stream)
    assert not servers.ejected


async def test_who_leaves_a_stream_leaves_its_server() -> None:
    servers = Servers(answers)
    stream = servers.exchange.stream(Ask("a"), Streams("one", "two").open)
    assert await anext(stream) == "one"
    assert servers.pool.servers[0].inflight == 1
    await stream.aclose()
    assert servers.pool.servers[0].inflight == 0
    assert not servers.ejected
