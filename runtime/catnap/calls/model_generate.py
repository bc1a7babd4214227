"""Text from a prompt, piece by piece, of whatever kind the model's servers are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

from catnap.calls.model_request import Asker, ModelRequest, Upstream
from catnap.errors import InvalidRequest
from catnap.models.generation import (
    CHARACTERS,
    Piece,
    Prompt,
    oip_piece,
    oip_request,
    openai_piece,
    openai_request,
)
from catnap.models.oip_server import OipServer
from catnap.models.openai_server import OpenAIServer
from catnap.models.registry import Served, speaks_oip, speaks_openai

if TYPE_CHECKING:
    from catnap.calls.models import ModelCalls


async def generate(
    calls: ModelCalls, asker: Asker, model: str, prompt: Prompt
) -> AsyncGenerator[Piece, None]:
    """See ModelCalls. Raises InvalidRequest for a model that does not generate."""
    found = calls.find(asker, model, ability="generate")
    served = found.served
    if "generate" not in served.model.abilities:
        raise InvalidRequest(
            f"model {served.name!r} does not generate text; Models.List says what each model can do"
        )
    if speaks_oip(served):
        if prompt.messages:
            raise InvalidRequest(f"model {served.name!r} takes a prompt, and no messages")
        request = _request(calls, asker, served, found.version, prompt)
        pieces = _over_oip(request, served, found.version, prompt)
    else:
        assert speaks_openai(served)
        asked = _request(calls, asker, served, found.version, prompt)
        pieces = _over_openai(asked, served, prompt)
    async with aclosing(pieces):
        async for piece in pieces:
            yield piece


def _request(
    calls: ModelCalls,
    asker: Asker,
    served: Served[Upstream],
    version: str,
    prompt: Prompt,
) -> ModelRequest[Upstream]:
    request = ModelRequest(*(calls, asker, served, version, prompt.cost, prompt.beginning))
    request.bytes_in = prompt.characters
    request.prompt_estimate = prompt.characters / CHARACTERS
    return request


async def _over_oip(
    request: ModelRequest[OipServer], served: Served[OipServer], version: str, prompt: Prompt
) -> AsyncGenerator[Piece, None]:
    raw = oip_request(served.at_servers, version, prompt)

    async def open_(upstream: OipServer, left: float | None) -> AsyncGenerator[Piece, None]:
        async with aclosing(upstream.stream(_one(raw), left, request.traceparent)) as parts:
            async for part in parts:
                yield oip_piece(served.name, part)

    async with aclosing(request.stream(open_, lambda: _cost(request))) as pieces:
        async for piece in _counted(request, pieces):
            yield piece


async def _over_openai(
    request: ModelRequest[OpenAIServer], served: Served[OpenAIServer], prompt: Prompt
) -> AsyncGenerator[Piece, None]:
    path, body = openai_request(served.at_servers, prompt)

    async def open_(upstream: OpenAIServer, left: float | None) -> AsyncGenerator[Piece, None]:
        async with aclosing(upstream.stream(path, body, left, request.traceparent)) as events:
            async for data in events:
                yield openai_piece(served.name, data)

    async with aclosing(request.stream(open_, lambda: _cost(request))) as pieces:
        async for piece in _counted(request, pieces):
            yield piece


async def _counted(
    request: ModelRequest[Upstream], pieces: AsyncIterator[Piece]
) -> AsyncGenerator[Piece, None]:
    """Those with text, and one in the end that says how it ended. Where a server
    tells no usage, each piece was a token."""
    reason, told = "", False
    async for piece in pieces:
        reason = piece.finish_reason or reason
        if piece.prompt_tokens or piece.completion_tokens:
            told = True
            request.prompt_tokens = piece.prompt_tokens
            request.completion_tokens = piece.completion_tokens
        if piece.text:
            request.bytes_out += len(piece.text.encode())
            if not told:
                request.completion_tokens += 1
            yield Piece(piece.text)
    yield Piece("", reason or "stop", request.prompt_tokens, request.completion_tokens)


def _cost(request: ModelRequest[Upstream]) -> float | None:
    return request.prompt_tokens + request.completion_tokens or None


async def _one(raw: bytes) -> AsyncIterator[bytes]:
    yield raw
