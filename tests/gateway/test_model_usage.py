"""Every request to a model is counted once, by whoever asked and however it ended."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from grpc import aio

from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from catnap.models.adaptive import Range
from catnap.models.settings import Model, Prices
from tests.gateway.inference import tensor, until
from tests.gateway.local import ACME, ADMIN, RIVAL
from tests.gateway.world import World, running
from tests.models.upstreams import OipUpstream, OpenAIUpstream, oip_upstreams, openai_upstreams

CHAT = "/v1/chat/completions"
HELLO = {"model": "writer", "messages": [{"role": "user", "content": "hello"}]}
PRICES = Prices(prompt_tokens=100_000, completion_tokens=1_000_000)
"""A chat here costs 3.5: it reads five tokens and writes three."""
ESTIMATE = len(json.dumps(HELLO["messages"])) // 4
"""Tokens that it is taken to have read where its server has not said it."""


class Asking:
    """`writer` speaks OpenAI's HTTP, `same` has tensors."""

    def __init__(self, world: World, writer: OpenAIUpstream, same: OipUpstream) -> None:
        self.world, self.writer, self.same = world, writer, same

    async def chat(self, key: str = ACME, **more: Any) -> int:
        return (await self.world.ask("POST", CHAT, HELLO | more, key))[0]

    async def infer(self, request: oip.ModelInferRequest) -> aio.UnaryUnaryCall[Any, Any]:
        async with aio.insecure_channel(self.world.grpc) as channel:
            stub = GRPCInferenceServiceStub(channel)
            call = stub.ModelInfer(request, metadata=[("authorization", f"Bearer {ACME}")])
            await call
            return call

    async def used(self, key: str = ACME, query: str = "") -> list[dict[str, Any]]:
        status, said = await self.world.ask("GET", f"/usage?by=model{query}", key=key)
        assert status == 200, said
        return said["models"]

    async def metrics(self) -> dict[str, float]:
        text = (await self.world.request("GET", "/metrics")).body.decode()
        lines = (each.rpartition(" ") for each in text.splitlines() if each[0] != "#")
        return {name: float(value) for name, _, value in lines}


@pytest.fixture
async def ask(tmp_path: Path) -> AsyncIterator[Asking]:
    (tmp_path / "functions").mkdir()
    async with (
        openai_upstreams() as [writer],
        oip_upstreams() as [same],
        running(tmp_path) as world,
    ):
        world.gateway.models.registry.change(
            {
                "writer": Model(
                    (writer.address,), protocol="openai", abilities=("generate",), prices=PRICES
                ),
                "same": Model((same.address,), version="1"),
            }
        )
        yield Asking(world, writer, same)


async def test_tokens_bytes_time_and_cost_are_told_by_tenant_and_model(ask: Asking) -> None:
    for key in (ACME, ACME, RIVAL):
        assert await ask.chat(key) == 200
    await ask.infer(tensor(model="same"))
    same, writer = await ask.used()
    assert (writer["tenant"], writer["skill"], writer["requests"]) == ("acme", "", 2)
    assert (writer["prompt_tokens"], writer["completion_tokens"]) == (10, 6)
    assert writer["cost"] == pytest.approx(7.0)
    assert writer["milliseconds"] > 0
    assert writer["bytes_in"] > 100
    assert writer["bytes_out"] > 300
    assert (same["model"], same["version"], same["requests"], same["cost"]) == ("same", "1", 1, 0)
    _, said = await ask.world.ask("GET", "/usage", key=ACME)
    [used] = said["used"]
    assert (used["tokens"], used["cost"]) == (16, pytest.approx(7.0))


async def test_errors_are_told_by_cause_and_cost_nothing(ask: Asking) -> None:
    ask.writer.behaves = "failing"
    assert await ask.chat() == 500
    ask.writer.behaves = "busy"
    assert await ask.chat() == 429
    [writer] = await ask.used()
    assert writer["errors"] == {"ResourceExhausted": 1, "SkillCrashed": 1}
    assert (writer["requests"], writer["cost"]) == (2, 0)


async def test_a_stream_whose_client_leaves_counts_what_it_wrote_until_then(ask: Asking) -> None:
    ask.writer.words = 10_000_000
    reply = await ask.world.client.request(
        ask.world.where,
        "POST",
        CHAT,
        [(b"authorization", f"Bearer {ACME}".encode())],
        json.dumps(HELLO | {"stream": True}).encode(),
    )
    await anext(aiter(reply.body))
    reply.close()
    while not (found := await ask.used()):
        await asyncio.sleep(0)
    [writer] = found
    assert (writer["requests"], writer["errors"]) == (1, {"Cancelled": 1})
    assert 1 <= writer["completion_tokens"] < 10_000_000
    assert writer["prompt_tokens"] == ESTIMATE
    assert writer["cost"] > writer["completion_tokens"]
    await until(lambda: ask.writer.left == 1)


async def test_what_a_stream_took_is_known_when_it_has_ended(ask: Asking) -> None:
    await ask.world.request("POST", CHAT, json.dumps(HELLO | {"stream": True}).encode(), key=ACME)
    ask.writer.usage = False
    await ask.world.request("POST", CHAT, json.dumps(HELLO | {"stream": True}).encode(), key=ACME)
    [writer] = await ask.used()
    assert (writer["requests"], writer["errors"]) == (2, {})
    assert (writer["prompt_tokens"], writer["completion_tokens"]) == (5 + ESTIMATE, 6)


async def test_who_has_spent_his_budget_asks_again_tomorrow(ask: Asking) -> None:
    limit = {"tenant": "acme", "user": "*", "daily_cost": 5.0}
    assert (await ask.world.ask("PUT", "/limits", limit))[0] == 200
    assert [await ask.chat() for _ in range(2)] == [200, 200]
    refused = await ask.world.request("POST", CHAT, json.dumps(HELLO).encode(), key=ACME)
    assert refused.status == 429
    assert int(refused.headers[b"retry-after"]) > 0
    assert b"5 spent on models per day (UTC)" in refused.body
    assert await ask.chat(RIVAL) == 200
    assert len(ask.writer.asked) == 3
    _, said = await ask.world.ask("GET", "/usage", key=ACME)
    [standing] = said["limits"]
    assert (standing["measure"], standing["used"], standing["limit"]) == ("daily_cost", 7.0, 5.0)
    [writer] = await ask.used()
    assert writer["errors"] == {"ResourceExhausted": 1}


async def test_a_tenant_sees_its_own_use_and_a_user_only_his(ask: Asking) -> None:
    _, made = await ask.world.ask(
        "POST", "/keys?tenant=acme", {"name": "ann", "roles": ["caller"], "user": "ann"}
    )
    for key in (ACME, made["secret"], RIVAL):
        await ask.chat(key)
    assert [each["requests"] for each in await ask.used(ACME)] == [2]
    assert [each["requests"] for each in await ask.used(made["secret"])] == [1]
    assert [each["tenant"] for each in await ask.used(ADMIN, "&tenant=*")] == ["acme", "rival"]
    assert await ask.used(ADMIN, "&tenant=*&model=same") == []
    assert (await ask.world.ask("GET", "/usage?by=model&tenant=rival", key=ACME))[0] == 403
    assert (await ask.world.ask("GET", "/usage?by=colour", key=ACME))[0] == 400


async def test_the_command_shows_what_models_were_asked_for(ask: Asking) -> None:
    assert "no model was asked" in (await ask.world.cli("usage", "--models"))[2]
    await ask.chat()
    ask.writer.behaves = "failing"
    await ask.chat()
    status, out, err = await ask.world.cli("usage", "--models", "--tenant", "*")
    assert status == 0
    assert out.splitlines()[1].split()[:6] == ["acme", "writer", "2", "1", "5", "3"]
    assert out.splitlines()[1].split()[-1] == "3.5"
    assert "errors by cause: SkillCrashed 1" in err
    _, out, _ = await ask.world.cli("usage", "--models", "--json", key=ACME)
    assert json.loads(out)["models"][0]["errors"] == {"SkillCrashed": 1}


async def test_metrics_have_models_by_how_requests_ended_and_their_servers(ask: Asking) -> None:
    await ask.chat()
    ask.writer.behaves = "failing"
    await ask.chat()
    found = await ask.metrics()
    writer = 'model="writer",version=""'
    assert found['catnap_model_requests_total{model="writer",outcome="ok",version=""}'] == 1
    assert (
        found['catnap_model_requests_total{model="writer",outcome="SkillCrashed",version=""}'] == 1
    )
    assert found['catnap_model_tokens_total{kind="prompt",model="writer",version=""}'] == 5
    assert found[f"catnap_model_cost_total{{{writer}}}"] == pytest.approx(3.5)
    assert found[f"catnap_model_server_seconds_count{{{writer}}}"] == 2
    assert found[f"catnap_model_waiting{{{writer}}}"] == 0
    server = f'model="same",server="{ask.same.address}",version="1"'
    assert found[f"catnap_model_inflight{{{server}}}"] == 0
    assert found[f"catnap_model_limit{{{server}}}"] == Range().least


async def test_an_answer_says_how_long_it_waited_and_was_at_a_server(ask: Asking) -> None:
    said = await ask.world.request("POST", CHAT, json.dumps(HELLO).encode(), key=ACME)
    timing = said.headers[b"server-timing"].decode()
    assert [each.partition(";")[0] for each in timing.split(", ")] == ["queue", "model"]
    call = await ask.infer(tensor(model="same"))
    trailers = dict(await call.trailing_metadata())
    assert trailers["server-timing"].startswith("queue;dur=")
