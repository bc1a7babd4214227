"""Requests and answers pass each other on a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from catnap.access.admission import Admitted
from catnap.access.limiter import Limiter
from catnap.access.limits import Limit
from catnap.calls import model_lane
from catnap.calls.models import Asker, ModelCalls
from catnap.errors import Unavailable
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.account import Uncounted
from catnap.models.registry import Registry
from catnap.models.settings import Bounds, Model
from tests.gateway.inference import until
from tests.models.upstreams import OipUpstream, oip_upstreams, tensor_request

ASKER = Asker(("acme", "ann", ""), 20)


class Client:
    """What one has at the gateway. answers: as they came."""

    def __init__(self) -> None:
        self._requests: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.answers: list[oip.ModelStreamInferResponse] = []
        self._came = asyncio.Event()

    async def requests(self) -> AsyncIterator[bytes]:
        while (raw := await self._requests.get()) is not None:
            yield raw

    async def write(self, raw: bytes) -> None:
        self.answers.append(oip.ModelStreamInferResponse.FromString(raw))
        self._came.set()

    def ask(self, *raws: bytes) -> None:
        for raw in raws:
            self._requests.put_nowait(raw)

    def end(self) -> None:
        self._requests.put_nowait(None)

    @property
    def unread(self) -> int:
        """Requests that the gateway has not taken yet."""
        return self._requests.qsize()

    async def answered(self, count: int) -> None:
        while len(self.answers) < count:
            self._came.clear()
            await self._came.wait()


@asynccontextmanager
async def streaming(
    servers: list[OipUpstream], *limits: Limit, **more: Model
) -> AsyncIterator[tuple[Client, asyncio.Task[None]]]:
    model = Model(servers=tuple(each.address for each in servers))
    registry = Registry({"m": model, **more})
    client = Client()
    calls = ModelCalls(registry, Limiter(limits), Uncounted())
    relaying = asyncio.create_task(calls.relay(ASKER, client.requests(), client.write))
    try:
        yield client, relaying
    finally:
        relaying.cancel()
        await asyncio.wait([relaying])
        await registry.close()


def ids(answers: list[oip.ModelStreamInferResponse]) -> list[str]:
    return [each.infer_response.id for each in answers]


async def test_each_request_of_a_stream_is_answered_in_its_order() -> None:
    async with oip_upstreams() as servers, streaming(servers) as (client, relaying):
        requests = [tensor_request("m") for _ in range(50)]
        client.ask(*requests)
        client.end()
        await relaying
        assert ids(client.answers) == [oip.ModelInferRequest.FromString(r).id for r in requests]


async def test_a_request_that_is_refused_is_told_beside_the_others() -> None:
    async with oip_upstreams() as servers, streaming(servers) as (client, relaying):
        client.ask(tensor_request("m"), tensor_request("nobody"), b"\xff", tensor_request("m"))
        client.end()
        await relaying
        said = sorted(each.error_message for each in client.answers)
        assert said[:2] == ["", ""]
        assert "there is no model 'nobody'" in said[3]
        assert "no inference.ModelInfer" in said[2]


async def test_a_request_over_the_limits_is_told_and_the_stream_goes_on() -> None:
    limit = Limit(tenant="acme", daily_calls=1)
    async with oip_upstreams() as servers, streaming(servers, limit) as (client, relaying):
        client.ask(tensor_request("m"), tensor_request("m"))
        await client.answered(2)
        assert sorted(bool(each.error_message) for each in client.answers) == [False, True]
        assert not relaying.done()


async def test_requests_of_one_stream_meet_one_server() -> None:
    async with oip_upstreams(3) as servers, streaming(servers) as (client, _):
        for count in range(1, 10):
            client.ask(tensor_request("m"))
            await client.answered(count)
        assert sorted(len(each.asked) for each in servers) == [0, 0, 9]


async def test_models_of_one_stream_do_not_wait_for_each_other() -> None:
    async with oip_upstreams(2) as [slow, quick]:
        slow.held = asyncio.Event()
        other = Model(servers=(quick.address,), at_servers="theirs")
        async with streaming([slow], other=other) as (client, relaying):
            client.ask(tensor_request("m"), tensor_request("other"))
            await client.answered(1)
            assert client.answers[0].infer_response.model_name == "other"
            slow.held.set()
            client.end()
            await relaying
            assert len(client.answers) == 2


async def test_a_server_that_fails_before_its_first_answer_is_replaced() -> None:
    async with oip_upstreams(2) as servers:
        servers[0].behaves = servers[1].behaves = "reset"
        async with streaming(servers) as (client, _):
            client.ask(tensor_request("m"))
            await client.answered(1)
            assert "cannot be reached" in client.answers[0].error_message
            servers[0].behaves = servers[1].behaves = "well"
            client.ask(tensor_request("m"))
            await client.answered(2)
            assert not client.answers[1].error_message
            assert sum(len(each.asked) for each in servers) == 3


async def test_a_server_that_fails_after_an_answer_ends_the_stream() -> None:
    async with oip_upstreams() as [server], streaming([server]) as (client, relaying):
        client.ask(tensor_request("m"))
        await client.answered(1)
        server.behaves = "reset"
        client.ask(tensor_request("m"))
        with pytest.raises(Unavailable, match="cannot be reached"):
            await relaying


async def test_who_leaves_ends_what_is_at_work_at_the_server() -> None:
    async with oip_upstreams() as [server], streaming([server]) as (client, relaying):
        server.behaves = "hung"
        client.ask(tensor_request("m"))
        while not server.asked:
            await asyncio.sleep(0)
        relaying.cancel()
        while not server.left:
            await asyncio.sleep(0)


async def test_who_leaves_holds_no_place_at_the_limits_with_what_no_server_has_taken() -> None:
    limit = Limit(tenant="acme", concurrent=200)
    limiter = Limiter([limit])
    async with oip_upstreams() as [server]:
        server.behaves = "hung"
        registry = Registry({"m": Model(servers=(server.address,), limits=Bounds(1, 1, 1))})
        calls = ModelCalls(registry, limiter, Uncounted())
        first, second = Client(), Client()
        for client in (first, second):
            client.ask(*(tensor_request("m") for _ in range(100)))
        relays = [
            asyncio.create_task(calls.relay(ASKER, each.requests(), each.write))
            for each in (first, second)
        ]
        while not server.asked:
            await asyncio.sleep(0.001)
        for relay in relays:
            relay.cancel()
        await asyncio.wait(relays)
        places = [limiter.admit(ASKER.who, 0.0) for _ in range(200)]
        assert all(isinstance(each, Admitted) for each in places)
        await registry.close()


async def test_what_waits_to_be_taken_by_a_server_that_fails_is_told_too() -> None:
    async with oip_upstreams() as [server]:
        server.behaves, server.held = "reset", asyncio.Event()
        limits = Limit(tenant="acme", concurrent=1000)
        async with streaming([server], limits) as (client, relaying):
            client.ask(*(tensor_request("m") for _ in range(300)))
            client.end()
            while not server.asked:
                await asyncio.sleep(0.001)
            server.held.set()
            async with asyncio.timeout(20):
                await relaying
            assert sorted(ids(client.answers)) == sorted(set(ids(client.answers)))
            assert len(client.answers) == 300


async def test_a_server_that_answers_a_stream_with_garbage_is_replaced() -> None:
    async with oip_upstreams(2) as servers:
        for server in servers:
            server.behaves = "garbage"
        async with streaming(servers) as (client, _):
            client.ask(tensor_request("m"))
            await client.answered(1)
            assert client.answers[0].error_message


async def test_a_stream_holds_so_much_of_what_no_answer_has_come_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(model_lane, "HELD", 2_000_000)
    async with oip_upstreams() as servers, streaming(servers) as (client, relaying):
        [server] = servers
        server.held = asyncio.Event()
        client.ask(*(tensor_request("m", bytes(900_000)) for _ in range(20)))
        await until(lambda: server.asked)
        assert client.unread >= 17
        server.held.set()
        client.ask(tensor_request("m", bytes(3_000_000)))
        client.end()
        await relaying
        assert not any(each.error_message for each in client.answers)
        assert len(client.answers) == 21
