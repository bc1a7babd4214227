"""Servers of OpenAI's HTTP that fail: an answer is whole, or it is an error."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Literal

import pytest

from catnap.access.limiter import Limiter
from catnap.access.limits import Who
from catnap.calls.models import Asker, ModelCalls
from catnap.errors import CatnapError, Unavailable
from catnap.models.account import Uncounted
from catnap.models.outlier import Health, Rules
from catnap.models.registry import Registry
from catnap.models.settings import Model
from tests.models.rounds import MARGIN, ROUNDS, kind
from tests.models.upstreams import Behaviour, OpenAIUpstream, openai_upstreams

ANN: Who = ("acme", "ann", "")
FAULTS: tuple[Behaviour | Literal["cut"], ...] = (
    *("hung", "reset", "garbage", "busy", "failing", "cut"),
)


@asynccontextmanager
async def asked(*servers: OpenAIUpstream) -> AsyncIterator[ModelCalls]:
    addresses = tuple(each.address for each in servers)
    model = Model(addresses, protocol="openai", abilities=("generate", "embed"))
    registry = Registry({"m": model})
    for served in registry:
        for server in served.pool.servers:
            server.health = Health(Rules(5, 0.05, 0.2))
    try:
        yield ModelCalls(registry, Limiter([]), Uncounted())
    finally:
        await registry.close()


def befall(server: OpenAIUpstream, dice: random.Random) -> None:
    server.behaves = "well" if dice.random() < 0.5 else dice.choice(FAULTS)


def body(**more: object) -> bytes:
    return json.dumps({"model": "m", "prompt": "go on", **more}).encode()


async def words(calls: ModelCalls, left: float, found: list[str]) -> None:
    stream = calls.stream(Asker(ANN, left), "/v1/completions", body(stream=True))
    async with aclosing(stream) as events:
        async for data in events:
            found.extend(choice["text"] for choice in json.loads(data)["choices"])


@pytest.mark.timeout(900)
async def test_a_stream_is_whole_or_an_error_and_is_never_begun_anew() -> None:
    dice, ends = random.Random(3), Counter[str]()
    whole = [f"word{number} " for number in range(6)]

    async def one(calls: ModelCalls, left: float) -> None:
        found = list[str]()
        try:
            async with asyncio.timeout(left + MARGIN):
                await words(calls, left, found)
        except CatnapError as error:
            ends[kind(error)] += 1
            assert found == whole[: len(found)]
        else:
            ends["well"] += 1
            assert found == whole

    async with openai_upstreams(3) as servers, asked(*servers) as calls:
        for _ in range(ROUNDS):
            for server in servers:
                server.words = len(whole)
                befall(server, dice)
            asking = [asyncio.create_task(one(calls, 0.1 + dice.random() / 4)) for _ in range(16)]
            for leaver in dice.sample(asking, 3):
                asyncio.get_running_loop().call_later(dice.random() * 0.05, leaver.cancel)
            for ended in await asyncio.gather(*asking, return_exceptions=True):
                if isinstance(ended, Exception):
                    raise ended
        print(f"\n{ends}")
        assert ends["well"] > ends.total() / 4
        async with asyncio.timeout(20):  # nothing is at work any more for who has left
            while any(server.at_work for server in servers):
                await asyncio.sleep(0.001)
        [served] = calls.registry
        assert [each.inflight for each in served.pool.servers] == [0, 0, 0]


async def test_embeddings_are_those_of_who_asked_whatever_befalls_the_servers() -> None:
    dice, ends = random.Random(4), Counter[str]()

    async def one(calls: ModelCalls, length: int) -> None:
        try:
            async with asyncio.timeout(0.3 + MARGIN):
                answer = await calls.complete(
                    Asker(ANN, 0.3), "/v1/embeddings", body(input=["x" * length])
                )
        except CatnapError as error:
            ends[kind(error)] += 1
        else:
            ends["well"] += 1
            assert json.loads(answer)["data"][0]["embedding"][0] == length

    async with openai_upstreams(3) as servers, asked(*servers) as calls:
        for _ in range(ROUNDS):
            for server in servers:
                befall(server, dice)
            await asyncio.gather(*(one(calls, length) for length in range(1, 25)))
        print(f"\n{ends}")
        assert ends["well"] > ends.total() / 2


async def test_a_stream_that_breaks_after_its_first_part_is_asked_of_one_server_alone() -> None:
    async with openai_upstreams(3) as servers, asked(*servers) as calls:
        for server in servers:
            server.behaves = "cut"
        for count in range(1, 4):
            found = list[str]()
            with pytest.raises(Unavailable):
                await words(calls, 20.0, found)
            assert found == ["word0 "]
            assert sum(len(server.asked) for server in servers) == count


async def test_who_leaves_a_stream_ends_it_at_the_server() -> None:
    async with openai_upstreams() as [server], asked(server) as calls:
        server.behaves = "hung"
        asking = asyncio.create_task(words(calls, 60.0, []))
        async with asyncio.timeout(20):
            while not server.asked:
                await asyncio.sleep(0.001)
            asking.cancel()
            while not server.left:
                await asyncio.sleep(0.001)
        assert not server.at_work
