"""Completions of models that have tensors, in the form of OpenAI's HTTP.

Source: https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from catnap.calls.models import Piece, Prompt
from catnap.errors import InvalidRequest
from catnap.gateway.json_body import read_json
from catnap.gateway.prompts import checked

MAX_TOKENS = 16
"""Where the request does not say: OpenAI's own default."""


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Asked(msgspec.Struct):
    prompt: str | list[str]
    max_tokens: Annotated[int, Meta(ge=1)] | None = None
    temperature: float | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream_options: _StreamOptions | None = None


_TAKEN = {*_Asked.__struct_fields__, "model", "stream", "user"}
_MEANS_NOTHING: dict[str, Any] = {
    "n": 1,
    "best_of": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "echo": False,
    "suffix": "",
    "logit_bias": {},
}
"""Values of what these models are not asked for."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer: what all its parts have in common. created: seconds since 1970."""

    id: str
    model: str
    created: int
    prompt: Prompt
    usage_too: bool

    @classmethod
    def read(cls, body: bytes, model: str, id_: str, now: float) -> Completion:
        """Raises InvalidRequest, also for what the model is not asked for."""
        asked = read_json(body, _Asked)
        for name, value in read_json(body, dict[str, Any]).items():
            if name not in _TAKEN and value not in (None, _MEANS_NOTHING.get(name)):
                raise InvalidRequest(f"{name}: model {model!r} is not asked for that: leave it out")
        texts = [asked.prompt] if isinstance(asked.prompt, str) else asked.prompt
        if len(texts) != 1:
            raise InvalidRequest(f"prompt: one a request, {len(texts)} are given")
        prompt = Prompt(
            text=texts[0],
            max_tokens=asked.max_tokens or MAX_TOKENS,
            temperature=asked.temperature,
            seed=asked.seed,
            stop=(asked.stop,) if isinstance(asked.stop, str) else tuple(asked.stop or ()),
        )
        usage_too = bool(asked.stream_options and asked.stream_options.include_usage)
        return cls(f"cmpl-{id_}", model, int(now), checked(prompt), usage_too)

    async def whole(self, pieces: AsyncGenerator[Piece, None]) -> bytes:
        texts, last = list[str](), Piece()
        async with aclosing(pieces):
            async for last in pieces:
                texts.append(last.text)
        choices = [_choice("".join(texts), last.finish_reason)]
        return self._encode(choices, {"usage": _usage(last)})

    async def parts(self, pieces: AsyncGenerator[Piece, None]) -> AsyncGenerator[bytes, None]:
        """The data of each event."""
        last, usage = Piece(), {"usage": None} if self.usage_too else {}
        async with aclosing(pieces):
            async for last in pieces:
                yield self._encode([_choice(last.text, last.finish_reason)], usage)
        if self.usage_too:
            yield self._encode([], {"usage": _usage(last)})

    def _encode(self, choices: list[dict[str, Any]], more: dict[str, Any]) -> bytes:
        said = {"id": self.id, "object": "text_completion", "created": self.created}
        return msgspec.json.encode(said | {"model": self.model, "choices": choices} | more)


def _choice(text: str, finish_reason: str) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish_reason or None}


def _usage(last: Piece) -> dict[str, int]:
    prompt, completion = last.prompt_tokens, last.completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
