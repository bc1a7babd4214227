"""A model server that works on nothing: as many bytes come back as were sent.

Over ModelStreamInfer each request is answered by as many messages as its
parameter `pieces` says, of which the last one says that it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

import grpc
from grpc import aio

from bench.peers.relay import UNLIMITED
from catnap.inference import grpc_service_pb2 as oip

MODEL = "same"
SERVICE = "/inference.GRPCInferenceService/"


def request(size: int, pieces: int = 1) -> bytes:
    """A tensor of so many bytes."""
    tensor = oip.ModelInferRequest.InferInputTensor(name="x", datatype="UINT8", shape=[size])
    asked = oip.ModelInferRequest(model_name=MODEL, inputs=[tensor])
    asked.raw_input_contents.append(bytes(size))
    if pieces > 1:
        asked.parameters["pieces"].int64_param = pieces
    return asked.SerializeToString()


def response(size: int, *, last: bool = False) -> oip.ModelInferResponse:
    tensor = oip.ModelInferResponse.InferOutputTensor(name="y", datatype="UINT8", shape=[size])
    answer = oip.ModelInferResponse(model_name=MODEL, model_version="1", outputs=[tensor])
    answer.raw_output_contents.append(bytes(size))
    if last:
        answer.parameters["triton_final_response"].bool_param = True
    return answer


@lru_cache
def _answer(length: int) -> bytes:
    return response(length).SerializeToString()


@lru_cache
def _piece(length: int, *, last: bool) -> bytes:
    answer = response(length, last=last)
    return oip.ModelStreamInferResponse(infer_response=answer).SerializeToString()


class Tensors(grpc.GenericRpcHandler):
    def service(self, details: grpc.HandlerCallDetails) -> Any:
        method = details.method
        if method == SERVICE + "ModelInfer":
            return grpc.unary_unary_rpc_method_handler(_infer)
        if method == SERVICE + "ModelStreamInfer":
            return grpc.stream_stream_rpc_method_handler(_stream)
        return grpc.unary_unary_rpc_method_handler(_ready)


async def _infer(raw: bytes, context: Any) -> bytes:
    return _answer(len(raw))


async def _stream(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
    async for raw in requests:
        pieces = max(1, oip.ModelInferRequest.FromString(raw).parameters["pieces"].int64_param)
        for left in reversed(range(pieces)):
            yield _piece(len(raw), last=not left)


async def _ready(raw: bytes, context: Any) -> bytes:
    """Of whatever is asked about it: `ready`, and `live`, are field 1."""
    return b"\x08\x01"


async def main() -> None:
    server = aio.server(options=UNLIMITED)
    server.add_generic_rpc_handlers((Tensors(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
