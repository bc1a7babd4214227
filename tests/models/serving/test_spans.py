"""What the model server does for a request is within the span it was asked in."""

from __future__ import annotations

import struct

import grpc
import pytest

from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from catnap.models.serving import fake
from catnap.traces.span import Span, Spans

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
METADATA = [("traceparent", f"00-{TRACE}-{CALLER}-01")]


def request(model: str) -> oip.ModelInferRequest:
    asked = oip.ModelInferRequest(model_name=model)
    asked.inputs.add(name="text", datatype="BYTES", shape=[1])
    asked.raw_input_contents.append(struct.pack("<I", 3) + b"one")
    return asked


async def test_inferences_are_spans_and_say_how_they_failed() -> None:
    kept = list[Span]()
    async with (
        fake.serving("words", tracer=Spans(kept.append)) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        stub = GRPCInferenceServiceStub(channel)
        await stub.ModelInfer(request("words"), metadata=METADATA)
        with pytest.raises(grpc.aio.AioRpcError, match="NOT_FOUND"):
            await stub.ModelInfer(request("other"), metadata=METADATA)
        await stub.ServerLive(oip.ServerLiveRequest(), metadata=METADATA)
        stream = stub.ModelStreamInfer(metadata=METADATA)
        await stream.write(request("words"))
        await stream.done_writing()
        assert [each.error_message async for each in stream] == [""]
    assert [(each.name, each.error) for each in kept] == [
        ("ModelInfer", ""),
        ("ModelInfer", "NOT_FOUND"),
        ("ModelStreamInfer", ""),
    ]
    assert {(each.trace, each.parent) for each in kept} == {(TRACE, CALLER)}
