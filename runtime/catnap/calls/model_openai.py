"""OpenAI's HTTP: what is asked passes on to servers that speak it, with the name
that they have for the model, and what they answer with ours."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from catnap.calls.model_request import Asker, ModelRequest
from catnap.errors import InvalidRequest, SkillCrashed
from catnap.models.generation import CHARACTERS, Usage, alike, expected
from catnap.models.openai_server import OpenAIServer, message
from catnap.models.registry import Served, speaks_openai
from catnap.models.settings import Ability
from catnap.models.verdict import Fault, UpstreamError, of_http

if TYPE_CHECKING:
    from catnap.calls.models import ModelCalls

ABILITIES: dict[str, Ability] = {
    "/v1/chat/completions": "generate",
    "/v1/completions": "generate",
    "/v1/embeddings": "embed",
}
"""What a model has to be able to do, by path."""

_Fields = dict[str, msgspec.Raw]
_USAGE_TOO = msgspec.json.encode({"include_usage": True})


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Known(msgspec.Struct):
    """What has to be known of a request, whatever else it has."""

    model: str = ""
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


class _Told(msgspec.Struct):
    usage: Usage | None = None
    choices: list[msgspec.Raw] | None = None
    error: Any = None


@dataclass(frozen=True, slots=True)
class _Asked:
    """usage_too: whether the client wants to be told, in a part of its own."""

    body: bytes
    served: Served[OpenAIServer]
    request: ModelRequest[OpenAIServer]
    usage_too: bool


async def complete(calls: ModelCalls, asker: Asker, path: str, body: bytes) -> bytes:
    """See ModelCalls."""
    asked = _asked(calls, asker, path, body, stream=False)
    request = asked.request

    async def send(upstream: OpenAIServer, left: float | None) -> tuple[_Fields, _Told]:
        answer = await upstream.ask(path, asked.body, left, request.traceparent)
        request.bytes_out = len(answer)
        return _read(asked.served.name, answer)

    def read(answer: tuple[_Fields, _Told]) -> float | None:
        if usage := answer[1].usage:
            _count(request, usage)
        return request.cost()

    fields, _ = await request.answer(send, read)
    fields["model"] = msgspec.Raw(msgspec.json.encode(asked.served.name))
    return msgspec.json.encode(fields)


async def stream(
    calls: ModelCalls, asker: Asker, path: str, body: bytes
) -> AsyncGenerator[bytes, None]:
    """See ModelCalls."""
    asked = _asked(calls, asker, path, body, stream=True)
    request, name = asked.request, msgspec.Raw(msgspec.json.encode(asked.served.name))
    told = False

    async def open_(
        upstream: OpenAIServer, left: float | None
    ) -> AsyncGenerator[tuple[_Fields, _Told], None]:
        async with aclosing(upstream.stream(path, asked.body, left, request.traceparent)) as events:
            async for data in events:
                request.bytes_out += len(data)
                yield _read(asked.served.name, data)

    async with aclosing(request.stream(open_, request.cost)) as parts:
        async for fields, about in parts:
            if about.usage:
                told = True
                _count(request, about.usage)
                if not asked.usage_too:
                    if not about.choices:
                        continue  # it was asked for by us alone
                    del fields["usage"]
            elif not asked.usage_too:
                fields.pop("usage", None)
            if about.choices and not told:
                request.completion_tokens += 1
            fields["model"] = name
            yield msgspec.json.encode(fields)


def _asked(calls: ModelCalls, asker: Asker, path: str, body: bytes, *, stream: bool) -> _Asked:
    try:
        fields = msgspec.json.decode(body, type=_Fields)
        known = msgspec.json.decode(body, type=_Known)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the body: {error}") from None
    ability = ABILITIES[path]
    found = calls.find(asker, known.model, ability=ability)
    served = found.served
    if ability not in served.model.abilities:
        can = ", ".join(served.model.abilities)
        raise InvalidRequest(f"model {served.name!r} cannot {ability}, it can {can}")
    if not speaks_openai(served):
        raise InvalidRequest(f"model {served.name!r} is not asked at {path}: it takes a prompt")
    usage_too = bool(known.stream_options and known.stream_options.include_usage)
    fields["model"] = msgspec.Raw(msgspec.json.encode(served.at_servers))
    if stream:
        fields["stream_options"] = msgspec.Raw(_USAGE_TOO)
    limit = known.max_completion_tokens or known.max_tokens or 0
    cost = len(body) / CHARACTERS + (expected(limit) if ability == "generate" else 0)
    begins = bytes(fields.get("messages") or fields.get("prompt") or b"")
    affinity = asker.session or (alike(begins.decode(errors="replace")) if begins else "")
    sent = msgspec.json.encode(fields)
    request = ModelRequest(calls, asker, served, found.version, cost, affinity)
    request.bytes_in = len(sent)
    request.prompt_estimate = len(begins) / CHARACTERS
    return _Asked(sent, served, request, usage_too)


def _read(model: str, answer: bytes) -> tuple[_Fields, _Told]:
    try:
        fields = msgspec.json.decode(answer, type=_Fields)
        told = msgspec.json.decode(answer, type=_Told)
    except (msgspec.DecodeError, UnicodeDecodeError):
        wrong = SkillCrashed(f"model {model!r}: its server gave an answer that cannot be read")
        raise UpstreamError(Fault.EITHER, wrong) from None
    if told.error is not None and told.choices is None:
        raise of_http(model, 500, message(answer))
    return fields, told


def _count(request: ModelRequest[OpenAIServer], usage: Usage) -> None:
    request.prompt_tokens = usage.prompt_tokens
    request.completion_tokens = usage.completion_tokens
