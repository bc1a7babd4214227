"""Clients of OpenAI's HTTP are answered by servers that speak it, and by those
that have tensors."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from catnap.gateway.openai_routes import EVENTS
from catnap.gateway.parts import in_parts
from catnap.models.sse import Events
from tests.gateway.http_models import VIEWER, Asking, asking
from tests.gateway.inference import until
from tests.gateway.local import RIVAL

CHAT, COMPLETIONS, EMBEDDINGS = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
HELLO = [{"role": "user", "content": "hello"}]


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def there(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Asking]:
    async with asking(tmp_path_factory.mktemp("models")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def ask(there: Asking) -> Asking:
    return there.fresh()


def chat(**more: Any) -> dict[str, Any]:
    return {"model": "org/writer", "messages": HELLO} | more


def text(events: list[Any]) -> str:
    parts = [each["choices"][0] for each in events if each != "[DONE]" and each["choices"]]
    return "".join(part["text"] if "text" in part else part["delta"]["content"] for part in parts)


async def test_a_chat_is_answered_by_the_name_that_it_was_asked_for(ask: Asking) -> None:
    status, said = await ask.post(CHAT, chat(model="default", top_k=3))
    assert status == 200
    assert said["choices"][0]["message"]["content"] == "word0 word1 word2"
    assert (said["model"], said["usage"]["total_tokens"]) == ("org/writer", 8)
    path, headers, asked = ask.openai.asked[0]
    assert (path, asked["model"], asked["top_k"]) == (CHAT, "llama-8b", 3)
    assert "Bearer" not in headers.get("authorization", "")


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
async def test_usage_is_told_in_a_stream_only_to_who_asks_for_it(ask: Asking, path: str) -> None:
    body = chat(stream=True) if path == CHAT else {"model": "org/writer", "prompt": "once"}
    body |= {"stream": True}
    events = await ask.events(path, body)
    assert (text(events), events[-1]) == ("word0 word1 word2 ", "[DONE]")
    assert not any("usage" in each for each in events[:-1])
    *parts, last, done = await ask.events(path, body | {"stream_options": {"include_usage": True}})
    assert (last["choices"], last["usage"]["completion_tokens"], done) == ([], 3, "[DONE]")
    assert all(each["model"] == "org/writer" for each in (*parts, last))
    assert all(asked["stream_options"] == {"include_usage": True} for *_, asked in ask.openai.asked)


async def test_a_model_that_has_tensors_completes_a_prompt(ask: Asking) -> None:
    body = {"model": "poet", "prompt": ["once"], "n": 1, "logprobs": None, "user": "u"}
    status, said = await ask.post(COMPLETIONS, body)
    assert status == 200
    assert said["object"] == "text_completion"
    assert said["model"] == "poet"
    assert said["choices"] == [
        {"index": 0, "text": "word0 word1 word2 ", "logprobs": None, "finish_reason": "length"}
    ]
    assert said["usage"] == {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}


async def test_a_model_that_has_tensors_completes_in_parts(ask: Asking) -> None:
    body = {"model": "poet", "prompt": "once", "stream": True}
    events = await ask.events(COMPLETIONS, body)
    assert (text(events), events[-1]) == ("word0 word1 word2 ", "[DONE]")
    assert events[-2]["choices"][0]["finish_reason"] == "length"
    assert not any("usage" in each for each in events[:-1])
    events = await ask.events(COMPLETIONS, body | {"stream_options": {"include_usage": True}})
    assert (events[-2]["choices"], events[-2]["usage"]["total_tokens"]) == ([], 8)
    assert {each["usage"] is None for each in events[:-2]} == {True}
    assert len({each["id"] for each in events[:-1]}) == 1


@pytest.mark.parametrize(
    ("more", "param"),
    [
        ({"n": 2}, "n"),
        ({"top_p": 0.5}, "top_p"),
        ({"logit_bias": {"1": 2}}, "logit_bias"),
        ({"tools": []}, "tools"),
        ({"prompt": ["a", "b"]}, "prompt"),
        ({"prompt": [1, 2]}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"stop": [str(each) for each in range(17)]}, "stop"),
    ],
)
async def test_what_a_model_that_has_tensors_is_not_asked_for_is_refused_by_its_name(
    ask: Asking, more: dict[str, Any], param: str
) -> None:
    status, said = await ask.post(COMPLETIONS, {"model": "poet", "prompt": "once"} | more)
    assert (status, said["error"]["param"]) == (400, param)
    assert not ask.tensors.asked


async def test_a_model_that_has_tensors_takes_no_messages(ask: Asking) -> None:
    status, said = await ask.post(CHAT, chat(model="poet"))
    assert (status, said["error"]["param"]) == (400, "messages")
    assert "/v1/completions" in said["error"]["message"]
    _, said = await ask.post(CHAT, chat(model="same"))
    assert said["error"]["message"] == "model 'same' cannot generate, it can infer"


@pytest.mark.parametrize("given", ["a bc", ["a bc", "d"]])
async def test_embeddings_are_numbers_or_base64_as_it_is_asked(ask: Asking, given: Any) -> None:
    texts = [given] if isinstance(given, str) else given
    vectors = [[float(len(each)), float(len(each.split()))] for each in texts]
    tokens = sum(len(each.split()) for each in texts)
    status, said = await ask.post(EMBEDDINGS, {"model": "lengths", "input": given})
    assert status == 200
    assert [each["embedding"] for each in said["data"]] == vectors
    assert [each["index"] for each in said["data"]] == list(range(len(texts)))
    assert said["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    assert (said["object"], said["model"]) == ("list", "lengths")
    body = {"model": "lengths", "input": given, "encoding_format": "base64", "dimensions": 2}
    _, said = await ask.post(EMBEDDINGS, body)
    raw = [base64.b64decode(each["embedding"]) for each in said["data"]]
    assert [list(struct.unpack("<2f", each)) for each in raw] == vectors


async def test_embeddings_of_a_server_that_speaks_it_are_its_own(ask: Asking) -> None:
    status, said = await ask.post(EMBEDDINGS, {"model": "default", "input": ["ab"]})
    assert (status, said["data"][0]["embedding"]) == (200, [2.0, 1.0])
    assert said["model"] == "org/writer"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": [1, 2]}, "input"),
        ({"input": [[1, 2]]}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": []}, "input"),
        ({"input": 1}, "input"),
        ({}, None),
        ({"input": "a", "dimensions": 3}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
    ],
)
async def test_what_is_no_text_to_embed_is_refused(ask: Asking, body: Any, param: str) -> None:
    status, said = await ask.post(EMBEDDINGS, {"model": "lengths"} | body)
    assert (status, said["error"]["param"]) == (400, param)
    assert not ask.embedder.asked


async def test_models_are_listed_to_those_who_may_ask_them(ask: Asking) -> None:
    _, said = await ask.get("/v1/models")
    assert [each["id"] for each in said["data"]] == ["lengths", "org/writer", "poet", "same"]
    assert {each["object"] for each in said["data"]} == {"model"}
    status, said = await ask.get("/v1/models/org/writer")
    assert (status, said["id"]) == (200, "org/writer")
    assert (await ask.get("/v1/models/default"))[1]["id"] == "org/writer"
    ask.world.key = RIVAL
    assert [each["id"] for each in (await ask.get("/v1/models"))[1]["data"]][-2:] == [
        "rivals",
        "same",
    ]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("POST", CHAT, chat(model="none"), {}, 404, "model_not_found"),
        ("POST", EMBEDDINGS, {"model": "rivals", "input": "a"}, {}, 404, "model_not_found"),
        ("GET", "/v1/models/rivals", None, {}, 404, "model_not_found"),
        ("GET", "/v1/nothing", None, {}, 404, None),
        ("GET", CHAT, None, {}, 405, None),
        ("POST", CHAT, [1], {}, 400, None),
        ("POST", CHAT, chat(model="same"), {}, 400, None),
        ("POST", CHAT, chat(model="lengths"), {}, 400, None),
        ("POST", EMBEDDINGS, {"model": "poet", "input": "a"}, {}, 400, None),
        ("POST", CHAT, chat(), {"key": "unknown"}, 401, "invalid_api_key"),
        ("POST", CHAT, chat(), {"key": ""}, 401, "invalid_api_key"),
        ("POST", CHAT, chat(), {"key": VIEWER}, 403, "permission_denied"),
        ("POST", CHAT, chat(), {"catnap_priority": "urgent"}, 400, None),
    ],
)
async def test_an_error_has_the_form_and_the_status_that_clients_look_for(
    ask: Asking, method: str, path: str, body: Any, headers: Any, status: int, code: str | None
) -> None:
    got, said = await ask.world.ask(method, path, body, **headers)
    error = said["error"]
    assert (got, error["code"], error["type"]) == (
        *(status, code),
        "permission_error" if status == 403 else "invalid_request_error",
    )
    assert set(error) == {"message", "type", "code", "param"}
    assert not ask.openai.asked


@pytest.mark.parametrize(
    ("path", "wrong", "param"),
    [
        (CHAT, {"messages": "hello"}, "messages"),
        (CHAT, {"messages": ["hello"]}, "messages"),
        (CHAT, {"temperature": "hot"}, "temperature"),
        (CHAT, {"max_tokens": 1.5}, "max_tokens"),
        (CHAT, {"stop": [1]}, "stop"),
        (COMPLETIONS, {"prompt": 7}, "prompt"),
        (COMPLETIONS, {"prompt": "a", "seed": "b"}, "seed"),
    ],
)
async def test_a_field_of_another_type_is_named_and_no_server_is_asked(
    ask: Asking, path: str, wrong: dict[str, Any], param: str
) -> None:
    status, said = await ask.post(path, chat() | wrong)
    assert (status, said["error"]["param"]) == (400, param)
    assert not ask.openai.asked


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, EMBEDDINGS])
async def test_a_body_that_is_nested_too_deeply_is_refused(ask: Asking, path: str) -> None:
    answer = await ask.world.request("POST", path, b'{"model":"poet","x":' + b"[" * 100_000)
    assert (answer.status, answer.json["error"]["param"]) == (400, None)


async def test_a_body_that_is_too_large_is_refused_before_it_is_read(ask: Asking) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(102):
            yield bytes(1 << 20)

    answer = await ask.world.request("POST", CHAT, body())
    assert (answer.status, answer.json["error"]["type"]) == (413, "invalid_request_error")


@pytest.mark.parametrize(
    ("behaves", "stream", "status", "kind"),
    [
        ("busy", False, 429, "rate_limit_error"),
        ("busy", True, 429, "rate_limit_error"),
        ("failing", True, 500, "server_error"),
        ("reset", True, 503, "server_error"),
        ("garbage", False, 500, "server_error"),
        ("garbage", True, 503, "server_error"),
    ],
)
async def test_a_servers_failure_has_its_status_though_it_was_to_be_a_stream(
    ask: Asking, behaves: Any, status: int, kind: str, *, stream: bool
) -> None:
    ask.openai.behaves = behaves
    reply = await ask.open(CHAT, chat(stream=stream))
    said = await reply.read()
    assert (reply.status, reply.headers[b"x-should-retry"]) == (status, b"true"), said
    assert kind.encode() in said
    if behaves == "busy":
        assert (reply.headers[b"retry-after"], reply.headers[b"retry-after-ms"]) == (b"2", b"2000")


async def test_an_error_in_the_place_of_an_answer_is_said_in_the_servers_words(
    ask: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"error": {"message": "the KV cache is full", "code": 500}}
    monkeypatch.setattr(ask.openai, "_whole", lambda path, asked: error)
    status, said = await ask.post(CHAT, chat())
    assert (status, said["error"]["message"]) == (500, "model 'org/writer': the KV cache is full")


async def test_while_a_stream_waits_its_client_is_sent_what_is_no_event() -> None:
    async def parts() -> AsyncGenerator[bytes, None]:
        yield b"{}"

    response = await in_parts(parts(), EVENTS)
    assert isinstance(response.body, AsyncIterable)
    sent = [part async for part in response.body]
    assert sent == [b"data: {}\n\n", b"data: [DONE]\n\n"]
    assert response.idle
    assert not list(Events().feed(response.idle))


async def test_a_stream_that_breaks_says_so_in_an_event_and_is_not_done(ask: Asking) -> None:
    ask.openai.behaves = "cut"
    *parts, last = await ask.events(CHAT, chat(stream=True))
    assert text(parts) == "word0 "
    assert (last["error"]["type"], last["error"]["code"]) == ("server_error", "unavailable")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_ends_its_request_at_the_server(
    ask: Asking, *, stream: bool
) -> None:
    ask.openai.held = asyncio.Event()
    asked = asyncio.create_task(ask.open(CHAT, chat(stream=stream)))
    await until(lambda: ask.openai.asked)
    asked.cancel()
    await until(lambda: ask.openai.left)


async def test_a_client_that_leaves_within_a_stream_ends_it_at_the_server(ask: Asking) -> None:
    ask.openai.words = 1 << 30
    reply = await ask.open(CHAT, chat(stream=True))
    events = Events()
    async for piece in reply.body:
        if list(events.feed(piece)):
            break
    reply.close()
    await until(lambda: ask.openai.left)


async def test_a_request_waits_no_longer_than_its_caller(ask: Asking) -> None:
    ask.openai.behaves = "hung"
    status, said = await ask.post(CHAT, chat(), catnap_timeout="0.05s")
    assert (status, said["error"]["code"]) == (504, "timeout")
