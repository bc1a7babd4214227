"""Vectors of texts, of whatever kind the model's servers are."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from catnap.calls.model_request import Asker, ModelRequest, Upstream
from catnap.errors import InvalidRequest, SkillCrashed
from catnap.models.registry import speaks_oip, speaks_openai
from catnap.models.text_tensors import read_embeddings, texts_request
from catnap.models.verdict import Fault, UpstreamError

if TYPE_CHECKING:
    from catnap.calls.models import ModelCalls

MAX_TEXTS = 4096
_WEIGHT = 256
"""Characters that cost as much as a request."""

_Read = tuple[int, bytes, list[int]]
"""Of an answer: the dimensions of a vector, the vectors, and the tokens as Embedded
has them."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """model: that answered. data: one vector after the other, of `dimensions`
    little-endian 32-bit floats each. tokens: of each text; where the server says
    only how many they were together, of all."""

    model: str
    dimensions: int
    data: bytes
    tokens: list[int]


async def embed(calls: ModelCalls, asker: Asker, model: str, texts: Sequence[str]) -> Embedded:
    """See ModelCalls. Raises InvalidRequest past MAX_TEXTS, and for a model that
    gives no embeddings."""
    if len(texts) > MAX_TEXTS:
        raise InvalidRequest(f"texts: {len(texts):,} given, at most {MAX_TEXTS:,} a request")
    found = calls.find(asker, model, ability="embed")
    served = found.served
    if "embed" not in served.model.abilities:
        raise InvalidRequest(f"model {served.name!r} gives no embeddings")
    cost = 1 + sum(map(len, texts)) / _WEIGHT
    if speaks_oip(served):
        raw = texts_request(served.at_servers, found.version, texts)
        asked = ModelRequest(calls, asker, served, found.version, cost)
        return await _answer(asked, served.name, len(texts), "ModelInfer", raw, _of_oip)
    assert speaks_openai(served)
    raw = msgspec.json.encode(
        {"model": served.at_servers, "input": texts, "encoding_format": "base64"}
    )
    request = ModelRequest(calls, asker, served, found.version, cost)
    return await _answer(request, served.name, len(texts), "/v1/embeddings", raw, _of_openai)


async def _answer(
    request: ModelRequest[Upstream],
    model: str,
    texts: int,
    method: str,
    raw: bytes,
    read: Callable[[bytes], _Read],
) -> Embedded:
    """method: what a server is asked for, by its protocol's name, with `raw`."""
    request.bytes_in = len(raw)

    async def send(upstream: Upstream, left: float | None) -> Embedded:
        answer = await upstream.ask(method, raw, left, request.traceparent)
        request.bytes_out = len(answer)
        return _whole(model, texts, *read(answer))

    def count(answer: Embedded) -> None:
        request.prompt_tokens = sum(answer.tokens)

    return await request.answer(send, count)


def _of_oip(answer: bytes) -> _Read:
    try:
        return read_embeddings(answer)
    except SkillCrashed as error:
        raise UpstreamError(Fault.EITHER, error) from None


class _Vector(msgspec.Struct):
    embedding: str | list[float]
    index: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0


class _Vectors(msgspec.Struct):
    data: list[_Vector]
    usage: _Usage | None = None


def _of_openai(answer: bytes) -> _Read:
    try:
        found = msgspec.json.decode(answer, type=_Vectors)
        rows = [_floats(each.embedding) for each in sorted(found.data, key=lambda e: e.index)]
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error):
        rows = []
    if len({len(row) for row in rows}) != 1:
        wrong = SkillCrashed("the model's server gave an answer without embeddings")
        raise UpstreamError(Fault.EITHER, wrong)
    tokens = found.usage.prompt_tokens if found.usage else 0
    return len(rows[0]) // 4, b"".join(rows), [tokens]


def _floats(vector: str | list[float]) -> bytes:
    """Not every server knows base64: some give numbers, whatever is asked."""
    if isinstance(vector, str):
        return base64.b64decode(vector, validate=True)
    return struct.pack(f"<{len(vector)}f", *vector)


def _whole(model: str, texts: int, dimensions: int, data: bytes, tokens: list[int]) -> Embedded:
    if len(data) != texts * dimensions * 4:
        wrong = SkillCrashed(f"model {model!r}: its server gave not one vector for each text")
        raise UpstreamError(Fault.EITHER, wrong)
    return Embedded(model, dimensions, data, tokens)
