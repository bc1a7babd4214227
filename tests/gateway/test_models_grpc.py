"""catnap.v1.Models, over servers of both protocols."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import pytest_asyncio
from grpc import aio

from catnap.v1 import models_pb2
from catnap.v1.models_pb2_grpc import ModelsStub
from tests.gateway.http_models import Asking, asking
from tests.gateway.inference import until
from tests.gateway.local import ACME, RIVAL

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class Stub:
    servers: Asking
    stub: Any

    def generate(self, model: str, key: str = ACME, **asked: Any) -> Any:
        request = models_pb2.GenerateRequest(model=model, **asked)
        return self.stub.Generate(request, metadata=_by(key), timeout=60)

    async def ask(self, method: str, request: Any, key: str = ACME) -> Any:
        return await getattr(self.stub, method)(request, metadata=_by(key), timeout=60)


def _by(key: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {key}")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stub]:
    async with (
        asking(tmp_path_factory.mktemp("models")) as servers,
        aio.insecure_channel(servers.world.grpc) as channel,
    ):
        yield Stub(servers, ModelsStub(channel))


@pytest_asyncio.fixture(loop_scope="module")
async def ask(there: Stub) -> Stub:
    there.servers.fresh()
    return there


HELLO = [models_pb2.ChatMessage(role="user", content="hello")]


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("poet", {"prompt": "once"}),
        ("org/writer", {"prompt": "once"}),
        ("default", {"messages": HELLO}),
    ],
)
async def test_text_comes_as_it_is_produced_and_the_last_part_says_how_it_ended(
    ask: Stub, model: str, asked: Any
) -> None:
    parts = [each async for each in ask.generate(model, **asked)]
    assert "".join(part.text for part in parts) == "word0 word1 word2 "
    assert [part.text for part in parts[:3]] == ["word0 ", "word1 ", "word2 "]
    *begun, last = parts
    assert not any(part.finish_reason or part.HasField("usage") for part in begun)
    assert last.finish_reason == ("length" if model == "poet" else "stop")
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (5, 3)


async def test_how_a_text_is_wanted_reaches_the_server(ask: Stub) -> None:
    how = {"max_tokens": 7, "temperature": 0.0, "seed": 3, "stop": ["."]}
    async for _ in ask.generate("org/writer", messages=HELLO, **how):
        pass
    [(path, _, asked)] = ask.servers.openai.asked
    assert path == "/v1/chat/completions"
    assert how.items() <= asked.items()
    assert asked["messages"] == [{"role": "user", "content": "hello"}]


@pytest.mark.parametrize(
    ("model", "asked", "reason"),
    [
        ("poet", {}, "prompt: give this or messages"),
        ("poet", {"prompt": "a", "messages": HELLO}, "one of them"),
        ("poet", {"messages": HELLO}, "takes a prompt"),
        ("default", {"messages": [models_pb2.ChatMessage(content="a")]}, "messages: each has a"),
        ("poet", {"prompt": "a", "max_tokens": -1}, "max_tokens: -1"),
        ("poet", {"prompt": "a", "temperature": 2.5}, "temperature: 2.5"),
        ("poet", {"prompt": "a", "stop": ["."] * 17}, "stop: 17 are given"),
        ("same", {"prompt": "a"}, "does not generate"),
        ("", {"prompt": "a"}, "name one"),
    ],
)
async def test_what_cannot_be_generated_is_refused(
    ask: Stub, model: str, asked: Any, reason: str
) -> None:
    with pytest.raises(aio.AioRpcError, match=reason) as raised:
        await ask.generate(model, **asked).read()
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert not ask.servers.openai.asked
    assert not ask.servers.tensors.asked


@pytest.mark.parametrize("begun", [False, True])
async def test_who_cancels_ends_the_work_at_the_server(ask: Stub, *, begun: bool) -> None:
    server = ask.servers.openai
    server.words = 1 << 30
    server.held = None if begun else asyncio.Event()
    call = ask.generate("org/writer", messages=HELLO)
    if begun:
        assert (await call.read()).text == "word0 "
    await until(lambda: server.asked)
    call.cancel()
    await until(lambda: server.left)


async def test_a_stream_that_breaks_ends_with_an_error(ask: Stub) -> None:
    ask.servers.openai.behaves = "cut"
    call = ask.generate("org/writer", prompt="once")
    assert (await call.read()).text == "word0 "
    with pytest.raises(aio.AioRpcError) as raised:
        await call.read()
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_vectors_come_in_the_order_of_their_texts(ask: Stub) -> None:
    found = await ask.ask("Embed", models_pb2.EmbedRequest(model="lengths", texts=["a b", "c"]))
    assert struct.unpack("<4f", found.vectors) == (3, 2, 1, 1)
    assert (found.model, found.dimensions, list(found.tokens)) == ("lengths", 2, [2, 1])


async def test_models_are_listed_with_what_they_can_do_to_who_may_ask_them(ask: Stub) -> None:
    ask.servers.tensors.behaves = "busy"
    found = (await ask.ask("List", models_pb2.ListModelsRequest())).models
    assert [(each.name, each.ready) for each in found] == [
        ("lengths", True),
        ("org/writer", True),
        ("poet", False),
        ("same", False),
    ]
    assert list(found[1].abilities) == ["generate", "embed"]
    assert found[0].dimensions == 2
    found = (await ask.ask("List", models_pb2.ListModelsRequest(), RIVAL)).models
    assert "rivals" in [each.name for each in found]
