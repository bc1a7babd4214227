"""Servers that fail in any way cost their callers time at most, and that within bounds."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who
from catnap.calls.models import Asker, ModelCalls
from catnap.errors import CatnapError, SkillCrashed, Unavailable
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.account import Uncounted
from catnap.models.outlier import Health, Rules
from catnap.models.registry import Registry
from catnap.models.settings import Model
from tests.models.rounds import Told, nonced, rounds
from tests.models.upstreams import Behaviour, OipUpstream, oip_upstreams

ANN: Who = ("acme", "ann", "")
PLACES = Limit(tenant="acme", concurrent=64)


@asynccontextmanager
async def asked(*addresses: str) -> AsyncIterator[ModelCalls]:
    """Those servers by the name of m; who fails is soon tried again."""
    registry = Registry({"m": Model(addresses)})
    for served in registry:
        for server in served.pool.servers:
            server.health = Health(Rules(5, 0.05, 0.2))
    try:
        yield ModelCalls(registry, Limiter([PLACES]), Uncounted())
    finally:
        await registry.close()


def inflight(calls: ModelCalls) -> list[int]:
    return [server.inflight for served in calls.registry for server in served.pool.servers]


@pytest.mark.timeout(900)
async def test_no_request_hangs_or_has_anothers_answer_whatever_befalls_the_servers() -> None:
    async with oip_upstreams(4) as servers, asked(*(each.address for each in servers)) as calls:

        async def ask(raw: bytes, left: float) -> bytes:
            return await calls.infer(Asker(ANN, left), raw)

        told = await rounds(ask, servers, random.Random(1), CatnapError)
        said(told)
        assert inflight(calls) == [0] * 4
        for server in servers:
            server.behaves, server.delay = "well", 0.0
            if server.stopped:
                await server.start(server.address)
            server.asked.clear()
        async with asyncio.timeout(60):
            while not all(server.asked for server in servers):
                try:
                    await ask(nonced("after")[0], 5.0)
                except Unavailable:
                    await asyncio.sleep(0.01)
        raws = [nonced("at once")[0] for _ in range(64)]  # none holds a place it has left
        await asyncio.gather(*(ask(raw, 20.0) for raw in raws))


def said(told: Told) -> None:
    print(f"\n{told.asked:,} requests, {told.worst * 1000:.0f} ms late at most: {told.ends}")
    assert told.ends["well"] > told.asked / 10


async def dies(server: OipUpstream) -> None:
    await server.stop()


def behaves(how: Behaviour) -> Callable[[OipUpstream], Awaitable[None]]:
    async def change(server: OipUpstream) -> None:
        server.behaves = how

    return change


@pytest.mark.parametrize(
    "fault",
    [dies, behaves("hung"), behaves("reset"), behaves("garbage"), behaves("another's")],
    ids=["killed", "hung", "resetting", "answering garbage", "answering others"],
)
async def test_one_of_three_that_fails_costs_one_in_a_hundred_at_most_once_it_is_left_alone(
    fault: Callable[[OipUpstream], Awaitable[None]],
) -> None:
    async with oip_upstreams(3) as servers, asked(*(each.address for each in servers)) as calls:
        for server in servers:
            server.delay = 0.001
        ends, left = Counter[str](), 20.0

        async def some(count: int) -> None:
            for _ in range(count):
                try:
                    await calls.infer(Asker(ANN, left), nonced("r")[0])
                    ends["well"] += 1
                except CatnapError as error:
                    ends[type(error).__name__] += 1

        await asyncio.gather(*(some(10) for _ in range(8)))
        [served] = calls.registry
        for each in served.pool.servers:
            each.health = Health(Rules(5, 60, 60))
        await fault(servers[0])
        left = 0.5 if servers[0].behaves == "hung" else 20.0
        async with asyncio.timeout(60):
            while not served.pool.servers[0].health.ejected:
                await asyncio.gather(*(some(1) for _ in range(16)))
        ends.clear()
        await asyncio.gather(*(some(50) for _ in range(16)))
        assert ends["well"] >= 0.99 * ends.total(), ends
        assert len(servers[0].asked) < ends.total() / 3


Behaves = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(behaves: Behaves) -> AsyncIterator[str]:
    tasks = set[asyncio.Task[None]]()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        tasks.add(task)
        try:
            await behaves(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield "127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def noisy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(random.Random(1).randbytes(10_000))
    await reader.read()


async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.transport.abort()


@pytest.mark.parametrize("behaviour", [silent, noisy, closing])
async def test_who_speaks_no_grpc_at_all_is_an_error_by_the_deadline(
    behaviour: Behaves,
) -> None:
    async with listening(behaviour) as address, asked(address) as calls:
        for _ in range(3):
            async with asyncio.timeout(20):
                with pytest.raises(CatnapError):
                    await calls.infer(Asker(ANN, 0.2), nonced("r")[0])


async def test_requests_of_a_sequence_meet_one_server_and_are_sent_once() -> None:
    async with oip_upstreams(3) as servers, asked(*(each.address for each in servers)) as calls:
        request = oip.ModelInferRequest.FromString(nonced("r")[0])
        request.parameters["sequence_id"].int64_param = 42
        for _ in range(20):
            await calls.infer(Asker(ANN, 20), request.SerializeToString())
        [met] = [each for each in servers if each.asked]
        met.behaves = "failing"
        with pytest.raises(SkillCrashed):
            await calls.infer(Asker(ANN, 20), request.SerializeToString())
        assert sum(len(each.asked) for each in servers) == len(met.asked) == 21


@pytest.mark.parametrize("how", ["garbage", "another's"])
async def test_the_only_server_s_answer_that_is_none_is_an_error_inside(how: Behaviour) -> None:
    async with oip_upstreams() as [server], asked(server.address) as calls:
        server.behaves = how
        with pytest.raises(SkillCrashed, match="'m': its server answered"):
            await calls.infer(Asker(ANN, 20), nonced("r")[0])
