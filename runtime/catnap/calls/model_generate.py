"""Text from a prompt, piece by piece, of whatever kind the model's servers are."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

from catnap.calls.model_request import Asker, ModelRequest, Upstream
from catnap.errors import InvalidRequest
from catnap.models.exchange import Open
from catnap.models.generation import (
    CHARACTERS,
    Piece,
    Prompt,
    oip_piece,
    oip_request,
    openai_piece,
    openai_request,
)
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
        raw = oip_request(served.at_servers, found.version, prompt)
        request = _request(calls, asker, served, found.version, prompt)
        pieces = _pieces(
            request,
            lambda upstream, left: upstream.stream(_one(raw), left, request.traceparent),
            partial(oip_piece, served.name),
        )
    else:
        assert speaks_openai(served)
        path, body = openai_request(served.at_servers, prompt)
        asked = _request(calls, asker, served, found.version, prompt)
        pieces = _pieces(
            asked,
            lambda upstream, left: upstream.stream(path, body, left, asked.traceparent),
            partial(openai_piece, served.name),
        )
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
    affinity = asker.session or prompt.beginning
    request = ModelRequest(calls, asker, served, version, prompt.cost, affinity)
    request.bytes_in = prompt.characters
    request.prompt_estimate = prompt.characters / CHARACTERS
    return request


async def _pieces(
    request: ModelRequest[Upstream], parts: Open[Upstream, bytes], read: Callable[[bytes], Piece]
) -> AsyncGenerator[Piece, None]:
    """Those with text, and one in the end that says how it ended. Where a server
    tells no usage, each piece was a token."""

    async def open_(upstream: Upstream, left: float | None) -> AsyncGenerator[Piece, None]:
        async with aclosing(parts(upstream, left)) as found:
            async for part in found:
                yield read(part)

    reason, told = "", False
    async with aclosing(request.stream(open_, request.cost)) as pieces:
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


async def _one(raw: bytes) -> AsyncIterator[bytes]:
    yield raw
