"""The `openai` package, answered by a Triton that writes as its backend for vLLM does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.tool import Asked, asking
from tests.platform.running import Running

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def client() -> Iterator[Asked]:
    with asking("openai", "openai_client.py") as child:
        yield child


@pytest.fixture
def ask(client: Asked, before_triton: Running) -> Any:
    address, key = before_triton.http, before_triton.key
    return lambda question, *more: client.ask(question, address, key, *more)


def test_a_prompt_is_completed_whole_and_in_parts(ask: Any) -> None:
    asked = ("writer", "one two three four", {"max_tokens": 3})
    found = ask("completion", *asked)
    assert (found["model"], found["object"]) == ("writer", "text_completion")
    assert found["choices"][0]["text"] == "one two three "
    assert found["choices"][0]["finish_reason"] == "stop"
    parts = ask("completion_stream", *asked)
    texts = [each["choices"][0]["text"] for each in parts]
    assert [text for text in texts if text] == ["one ", "two ", "three "]
    assert parts[-1]["choices"][0]["finish_reason"] == "stop"


def test_a_chat_is_refused_with_what_to_ask_in_its_place(ask: Any) -> None:
    found = ask("refused_chat", "writer")
    assert (found["raised"], found["param"]) == ("BadRequestError", "messages")
    assert "/v1/completions" in found["message"]


def test_embeddings_of_what_embeds_nothing_are_refused(ask: Any) -> None:
    found = ask("refused_embeddings", "writer")
    assert found["raised"] == "BadRequestError"
    assert "writer" in found["message"]
