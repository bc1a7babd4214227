"""The `openai` package: at llama-cpp-python's server, and at the gateway before it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients import llama_server
from tests.clients.conftest import Before, Place, of_gateway
from tests.clients.tool import Asked, asking
from tests.platform.running import Running

pytestmark = pytest.mark.servers

MODEL, EMBEDDER = llama_server.MODEL, "minilm-l6-v2"
TABLE = """
[{model}]
protocol = "openai"
servers = ["http://{address}"]
abilities = ["generate"]
aliases = ["default"]
[gone]
protocol = "openai"
servers = ["http://127.0.0.1:1"]
abilities = ["generate"]
[others]
protocol = "openai"
servers = ["http://{address}"]
abilities = ["generate"]
at_servers = "{model}"
tenants = ["rival"]
"""


@pytest.fixture(scope="module")
def client() -> Iterator[Asked]:
    with asking("openai", "openai_client.py") as child:
        yield child


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with llama_server.running(tmp_path_factory.mktemp("llama")) as address:
        yield address


@pytest.fixture(scope="module")
def before(llama: str, gateway: Before) -> Iterator[Running]:
    with gateway(TABLE.format(model=MODEL, address=llama)) as running:
        yield running


@pytest.fixture(params=["itself", "gateway"])
def place(request: pytest.FixtureRequest, llama: str) -> Place:
    if request.param == "itself":
        return Place("", llama)
    return of_gateway(request.getfixturevalue("before"))


@pytest.fixture
def ask(client: Asked, place: Place) -> Any:
    return lambda question, *more: client.ask(question, place.http, place.key, *more)


@pytest.fixture
def ask_gateway(client: Asked, before: Running) -> Any:
    return lambda question, *more: client.ask(question, before.http, before.key, *more)


def user(before: Running, name: str, *roles: str) -> str:
    """A key of the default tenant's."""
    made = before.request("POST", "/keys", {"name": name, "roles": roles, "user": name})
    status, _, said = asyncio.run(made)
    assert status == 201, said
    secret: str = json.loads(said)["secret"]
    return secret


def test_a_chat_is_answered(ask: Any) -> None:
    found = ask("chat", MODEL)
    assert found["model"] == MODEL
    assert found["object"] == "chat.completion"
    assert len(found["choices"][0]["message"]["content"].split()) == 6
    assert found["choices"][0]["finish_reason"] == "length"
    assert found["usage"]["completion_tokens"] == 6


def test_a_chat_comes_in_parts_that_are_the_same_text(ask: Any) -> None:
    parts = ask("chat_stream", MODEL)
    assert {each["model"] for each in parts} == {MODEL}
    texts = [each["choices"][0]["delta"]["content"] or "" for each in parts]
    assert len([text for text in texts if text]) == 6
    assert "".join(texts) == ask("chat", MODEL)["choices"][0]["message"]["content"]
    assert parts[-1]["choices"][0]["finish_reason"] == "length"


def test_a_prompt_is_completed_whole_and_in_parts(ask: Any) -> None:
    whole = ask("completion", MODEL, "ban den", {"max_tokens": 12})
    assert whole["usage"]["completion_tokens"] == 12
    parts = ask("completion_stream", MODEL, "ban den", {"max_tokens": 12})
    texts = [each["choices"][0]["text"] for each in parts]
    assert "".join(texts) == whole["choices"][0]["text"]
    assert len([text for text in texts if text]) == 12


def test_text_ends_before_a_word_that_is_to_stop_it(ask: Any) -> None:
    text = ask("completion", MODEL, "ban den", {"max_tokens": 12})["choices"][0]["text"]
    word = text.split()[3]
    stopped = ask("completion", MODEL, "ban den", {"max_tokens": 12, "stop": word})
    assert stopped["choices"][0]["text"] == text[: text.index(word)]
    assert stopped["choices"][0]["finish_reason"] == "stop"


def test_a_stream_that_is_left_ends_at_its_server(ask: Any) -> None:
    seen, after = ask("left", MODEL)
    assert len(seen) == 3
    assert after == "length"


def test_many_streams_at_once_each_get_their_own_parts(ask: Any) -> None:
    assert ask("several", MODEL, 8) == [2 + number for number in range(8)]


def test_the_models_are_those_that_the_key_may_ask(ask_gateway: Any, before: Running) -> None:
    assert ask_gateway("models") == sorted(["gone", EMBEDDER, MODEL])
    assert ask_gateway("model", "default") == MODEL


def test_an_alias_is_answered_for_by_the_model(ask_gateway: Any) -> None:
    assert ask_gateway("chat", "default")["model"] == MODEL


def alike(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_embeddings_are_the_same_as_floats_and_as_base64(ask_gateway: Any) -> None:
    texts = ["a cat sleeps", "a kitten naps", "the stock market fell"]
    plain = ask_gateway("embeddings", EMBEDDER, texts, "float")
    packed = ask_gateway("embeddings", EMBEDDER, texts)
    assert [each["index"] for each in packed["data"]] == [0, 1, 2]
    assert packed["model"] == EMBEDDER
    assert packed["usage"]["prompt_tokens"] > 0
    cat, kitten, market = (each["embedding"] for each in packed["data"])
    for one, other in zip(plain["data"], packed["data"], strict=True):
        assert one["embedding"] == other["embedding"]
    assert len(cat) == 384
    assert alike(cat, kitten) > alike(cat, market)


def test_wrong_requests_raise_the_client_s_own_errors(ask_gateway: Any) -> None:
    found = ask_gateway("mistakes", MODEL)
    assert {name: (each["raised"], each["status"]) for name, each in found.items()} == {
        "key": ("AuthenticationError", 401),
        "model": ("NotFoundError", 404),
        "messages": ("BadRequestError", 400),
        "temperature": ("BadRequestError", 400),
        "no embeddings": ("BadRequestError", 400),
    }
    assert found["key"]["code"] == "invalid_api_key"
    assert found["model"]["code"] == "model_not_found"
    assert "absent" in found["model"]["message"]
    assert all(each["type"] == "invalid_request_error" for each in found.values())


def test_a_model_of_another_tenant_is_not_found(ask_gateway: Any) -> None:
    assert ask_gateway("refused_chat", "others")["raised"] == "NotFoundError"


def test_who_may_not_ask_models_is_denied(client: Asked, before: Running) -> None:
    found = client.ask("refused_chat", before.http, user(before, "looker", "viewer"), MODEL)
    assert (found["raised"], found["status"]) == ("PermissionDeniedError", 403)


def test_a_model_whose_server_is_gone_is_an_error_of_the_server_s(ask_gateway: Any) -> None:
    for question in ("refused_chat", "stream_refused"):
        found = ask_gateway(question, "gone")
        assert (found["raised"], found["status"]) == ("InternalServerError", 503)


def test_too_much_is_a_rate_limit_and_when_to_come_back_is_honoured(
    client: Asked, before: Running
) -> None:
    key = user(before, "hasty", "caller")
    limit = {"tenant": "default", "user": "hasty", "rate": 1, "burst": 1}
    assert asyncio.run(before.request("PUT", "/limits", limit))[0] == 200
    assert client.ask("refused_chat", before.http, key, MODEL) is None
    found = client.ask("refused_chat", before.http, key, MODEL)
    assert (found["raised"], found["status"]) == ("RateLimitError", 429)
    assert found["code"] == "rate_limit_exceeded"
    assert 0 < float(found["retry_after"]) <= 1
    seen = client.ask("retried", before.http, key, MODEL, 3)
    statuses = [status for status, _ in seen]
    assert statuses.count(200) == 3
    assert 429 in statuses
    assert [429, 429] not in [statuses[at : at + 2] for at in range(len(statuses))]
    assert all(after for status, after in seen if status == 429)
