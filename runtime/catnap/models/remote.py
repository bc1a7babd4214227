"""A model server somewhere else, spoken to by the Open Inference Protocol."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
from grpc import aio

from catnap.errors import (
    CatnapError,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    ResourceExhausted,
    SkillCrashed,
    Unavailable,
)
from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub

MESSAGE_LIMIT = 256 * 1024 * 1024
MAX_TEXTS = 4096
TOKENS = "tokens"
"""The output of a model that reads text: how many tokens it found in each."""

_KINDS: dict[grpc.StatusCode, type[CatnapError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ResourceExhausted,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
}


@dataclass(frozen=True, slots=True)
class Embedded:
    """data: len(tokens) * dimensions little-endian 32-bit floats."""

    dimensions: int
    data: bytes
    tokens: list[int]


class Remote:
    """One server. Many requests share its connection."""

    def __init__(self, address: str) -> None:
        self.address = address
        options = [
            ("grpc.max_receive_message_length", MESSAGE_LIMIT),
            ("grpc.max_send_message_length", MESSAGE_LIMIT),
            ("grpc.initial_reconnect_backoff_ms", 100),
            ("grpc.max_reconnect_backoff_ms", 2000),
        ]
        self._channel = aio.insecure_channel(address, options=options)
        self.stub = GRPCInferenceServiceStub(self._channel)

    async def ready(self, model: str) -> bool:
        """Whether the server says that it can be asked."""
        try:
            request = oip.ModelReadyRequest(name=model)
            answer = await self.stub.ModelReady(request, timeout=2)
        except aio.AioRpcError:
            return False
        return answer.ready

    async def infer(
        self, request: oip.ModelInferRequest, timeout: float | None
    ) -> oip.ModelInferResponse:
        """Runs a model once. Raises the error that the server's status stands for."""
        try:
            return await self.stub.ModelInfer(request, timeout=timeout)
        except aio.AioRpcError as error:
            raise _error(request.model_name, error) from None

    async def counted(
        self, request: oip.ModelInferRequest, timeout: float | None
    ) -> tuple[oip.ModelInferResponse, int]:
        """Runs a model of texts; with how many tokens they were, whether that is
        asked for or not. Raises as infer."""
        more = bool(request.outputs) and TOKENS not in (each.name for each in request.outputs)
        if more:
            request.outputs.add(name=TOKENS)
        answer = await self.infer(request, timeout)
        tokens = sum(_tokens(answer))
        if more:
            place = [each.name for each in answer.outputs].index(TOKENS)
            del answer.outputs[place], answer.raw_output_contents[place]
        return answer, tokens

    async def metadata(
        self, request: oip.ModelMetadataRequest, timeout: float | None
    ) -> oip.ModelMetadataResponse:
        """The tensors a model takes and gives. Raises as infer."""
        try:
            return await self.stub.ModelMetadata(request, timeout=timeout)
        except aio.AioRpcError as error:
            raise _error(request.name, error) from None

    async def embed(
        self, model: str, texts: Sequence[str], timeout: float | None = None
    ) -> Embedded:
        """Vectors of texts. Raises InvalidRequest past MAX_TEXTS of them."""
        if len(texts) > MAX_TEXTS:
            raise InvalidRequest(f"texts: {len(texts):,} given, at most {MAX_TEXTS:,} a request")
        request = oip.ModelInferRequest(model_name=model)
        tensor = request.inputs.add(name="text", datatype="BYTES")
        tensor.shape.append(len(texts))
        request.raw_input_contents.append(_packed(texts))
        answer = await self.infer(request, timeout)
        raw = dict(zip((o.name for o in answer.outputs), answer.raw_output_contents, strict=True))
        shape = next(o.shape for o in answer.outputs if o.name == "embedding")
        return Embedded(int(shape[-1]), raw["embedding"], _tokens(answer))

    async def close(self) -> None:
        await self._channel.close()


def _tokens(answer: oip.ModelInferResponse) -> list[int]:
    for output, raw in zip(answer.outputs, answer.raw_output_contents, strict=True):
        if output.name == TOKENS:
            return list(memoryview(raw).cast("i"))
    return []


def _error(model: str, error: aio.AioRpcError) -> CatnapError:
    kind = _KINDS.get(error.code(), SkillCrashed)
    if kind is Unavailable:
        return Unavailable("the model server cannot be reached; it may be starting")
    return kind(f"model {model!r}: {error.details()}")


def _packed(texts: Sequence[str]) -> bytes:
    """A BYTES tensor: each element after its length in four bytes."""
    parts = []
    for text in texts:
        data = text.encode()
        parts.append(struct.pack("<I", len(data)))
        parts.append(data)
    return b"".join(parts)
