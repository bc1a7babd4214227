"""Each request of a stream is counted once, with what it took."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from catnap.access.limiter import Limiter
from catnap.calls.models import Asker, ModelCalls
from catnap.models.account import Finished, Spent
from catnap.models.registry import Registry
from catnap.models.settings import Model
from catnap.traces.span import Span, Spans
from tests.calls.test_model_streams import Client
from tests.models.upstreams import OipUpstream, oip_upstreams, tensor_request

ASKER = Asker(("acme", "ann", ""), 20)


@dataclass
class Told:
    """Of each request: how it ended, and what it took."""

    calls: ModelCalls
    client: Client
    ended_as: list[str]
    spent: list[Spent]
    spans: list[Span]

    def ended(self, request: Finished) -> None:
        self.ended_as.append(request.outcome)
        self.spent.append(request.spent)
        assert request.waited >= 0

    def relay(self) -> asyncio.Task[None]:
        client = self.client
        return asyncio.create_task(self.calls.relay(ASKER, client.requests(), client.write))


@pytest.fixture
async def server() -> AsyncIterator[OipUpstream]:
    async with oip_upstreams() as [server]:
        yield server


@pytest.fixture
async def told(server: OipUpstream) -> AsyncIterator[Told]:
    registry = Registry({"m": Model((server.address,))})
    spans = list[Span]()
    told = Told(None, Client(), [], [], spans)  # type: ignore[arg-type]
    told.calls = ModelCalls(registry, Limiter(()), told, Spans(spans.append))
    yield told
    await registry.close()


async def test_each_with_its_bytes_both_ways(told: Told, server: OipUpstream) -> None:
    raws = [tensor_request("m") for _ in range(20)]
    told.client.ask(*raws)
    told.client.end()
    await told.relay()
    assert told.ended_as == ["ok"] * 20
    assert [each.bytes_in for each in told.spent] == [len(raw) for raw in raws]
    assert all(each.bytes_out > 0 and each.tries == 1 for each in told.spent)


async def test_those_without_an_answer_when_the_client_leaves_are_cancelled(
    told: Told, server: OipUpstream
) -> None:
    relaying = told.relay()
    told.client.ask(tensor_request("m"))
    await told.client.answered(1)
    server.held = asyncio.Event()
    told.client.ask(*(tensor_request("m") for _ in range(3)))
    while len(server.asked) < 2:
        await asyncio.sleep(0)
    relaying.cancel()
    await asyncio.wait([relaying])
    assert sorted(told.ended_as) == ["Cancelled"] * 3 + ["ok"]


async def test_those_of_a_server_that_fails_say_why(told: Told, server: OipUpstream) -> None:
    server.behaves = "reset"
    relaying = told.relay()
    told.client.ask(tensor_request("m"))
    await told.client.answered(1)
    told.client.end()
    await relaying
    assert told.ended_as == ["Unavailable"]
    assert told.spent[0].bytes_out == 0


async def test_they_are_spans_within_that_of_their_stream(told: Told, server: OipUpstream) -> None:
    told.client.ask(*(tensor_request("m") for _ in range(3)))
    told.client.end()
    await told.relay()
    *requests, stream = told.spans
    assert {each.parent for each in requests} == {stream.id}
    assert server.metadata[0]["traceparent"] == stream.traceparent
