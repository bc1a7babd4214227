"""Tensors, by the Open Inference Protocol: their bytes pass as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from catnap.calls.model_request import Asker, ModelRequest
from catnap.errors import InvalidRequest
from catnap.inference import grpc_service_pb2 as oip
from catnap.models import text_tensors
from catnap.models.answer import check
from catnap.models.generation import CHARACTERS, of_response
from catnap.models.oip_server import OipServer
from catnap.models.registry import Found, Served, speaks_oip
from catnap.models.request import named, parse, wanting
from catnap.models.verdict import UpstreamError

if TYPE_CHECKING:
    from catnap.calls.models import ModelCalls

READY = 2.0
"""Seconds that a server may take to say whether it is ready."""

_WEIGHT = 65536
"""Bytes of a request that cost as much as a request."""


async def infer(calls: ModelCalls, asker: Asker, raw: bytes) -> bytes:
    """See ModelCalls."""
    asked = parse(raw)
    message = asked.message
    found = calls.find(asker, message.model_name, message.model_version)
    served = found.oip
    name, version = served.at_servers, found.version
    raw = asked.named(name, version)
    reads_text = "embed" in served.model.abilities
    added = reads_text and text_tensors.lacks_tokens(message)
    if added:
        raw = wanting(raw, text_tensors.TOKENS)
    sequence = _sequence(message)
    cost = 1 + len(raw) / _WEIGHT
    request = ModelRequest(calls, asker, served, version, cost, sequence, once=bool(sequence))
    request.bytes_in = len(raw)

    async def send(upstream: OipServer, left: float | None) -> bytes:
        answer = await upstream.ask("ModelInfer", raw, left, request.traceparent)
        check(served.name, answer, name, message.id)
        return answer

    def read(answer: bytes) -> None:
        request.bytes_out = len(answer)
        if reads_text:
            request.prompt_tokens = text_tensors.count_tokens(answer)
        elif "generate" in served.model.abilities:
            _count(request, answer)

    answer = await request.answer(send, read)
    if added:
        answer = text_tensors.without_tokens(answer)
    return answer if name == served.name else named(answer, served.name, version)


def _count(request: ModelRequest[OipServer], answer: bytes) -> None:
    """Of a text that comes at once; where its server does not tell, by its length."""
    piece = of_response(oip.ModelInferResponse.FromString(answer))
    request.prompt_tokens = piece.prompt_tokens or request.bytes_in // CHARACTERS
    request.completion_tokens = piece.completion_tokens or len(piece.text) // CHARACTERS


def _sequence(message: oip.ModelInferRequest) -> str:
    """Of Triton's extension: what the request is a part of, if it is a part."""
    said = message.parameters
    if "sequence_id" not in said:
        return ""
    number = said["sequence_id"]
    return number.string_param or str(number.int64_param or number.uint64_param or "")


async def tell(
    calls: ModelCalls,
    asker: Asker,
    method: str,
    name: str,
    version: str,
    make: Callable[[str, str], bytes],
) -> bytes:
    """See ModelCalls."""
    found = calls.find(asker, name, version)
    served = found.oip
    raw = make(served.at_servers, found.version)
    request = ModelRequest(calls, asker, served, found.version)

    async def send(upstream: OipServer, left: float | None) -> bytes:
        return await upstream.ask(method, raw, left, request.traceparent)

    return await request.answer(send)


async def ready(calls: ModelCalls, asker: Asker, name: str, version: str) -> bool:
    """See ModelCalls. Nobody is counted for it, and no turn is waited for."""
    found = calls.find(asker, name, version)
    if calls.registry.waking and found.served.model.wake:
        return True  # once it is asked
    if not speaks_oip(found.served):
        return any(not server.health.ejected for server in found.served.pool.servers)
    served = found.served
    said = await asyncio.gather(
        *(_ready(server.upstream, served, found) for server in served.pool.servers)
    )
    return any(said)


async def _ready(server: OipServer, served: Served[OipServer], found: Found) -> bool:
    asked = oip.ModelReadyRequest(name=served.at_servers, version=found.version)
    try:
        answer = await server.ask("ModelReady", asked.SerializeToString(), READY)
        return oip.ModelReadyResponse.FromString(answer).ready
    except (UpstreamError, InvalidRequest):
        return False
