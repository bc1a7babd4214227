"""ModelInfer goes through the gateway as the bytes it came as."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc import aio

from catnap.access import Key
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.settings import Model
from tests.gateway.inference import Asking, asking, tensor, until
from tests.models.upstreams import OipUpstream, oip_upstreams

RAW = {
    "BOOL": b"\0\1",
    "INT8": b"\0\xff",
    "UINT8": b"\0\xff",
    "INT16": struct.pack("<2h", -1, 1),
    "UINT16": struct.pack("<2H", 0, 65535),
    "FP16": struct.pack("<2e", 0.5, -2),
    "BF16": b"\x80\x3f\x00\xc0",
    "INT32": struct.pack("<2i", -1, 1),
    "UINT32": struct.pack("<2I", 0, 1),
    "FP32": struct.pack("<2f", 0.5, -2),
    "INT64": struct.pack("<2q", -1, 1),
    "UINT64": struct.pack("<2Q", 0, 1),
    "FP64": struct.pack("<2d", 0.5, -2),
    "BYTES": struct.pack("<I3sI", 3, "ä".encode() + b"\0", 0),
}
"""Two elements of each datatype."""

TYPED = {
    "BOOL": oip.InferTensorContents(bool_contents=[True, False]),
    "INT8": oip.InferTensorContents(int_contents=[-128, 127]),
    "UINT16": oip.InferTensorContents(uint_contents=[0, 65535]),
    "INT64": oip.InferTensorContents(int64_contents=[-(1 << 63), 1]),
    "UINT64": oip.InferTensorContents(uint64_contents=[0, (1 << 64) - 1]),
    "FP32": oip.InferTensorContents(fp32_contents=[0.5, -2]),
    "FP64": oip.InferTensorContents(fp64_contents=[0.1, -2]),
    "BYTES": oip.InferTensorContents(bytes_contents=[b"\xff\0", b""]),
}


@pytest.fixture
async def upstream() -> AsyncIterator[OipUpstream]:
    async with oip_upstreams() as (server,):
        yield server


@pytest.fixture
async def ask(tmp_path: Path, upstream: OipUpstream) -> AsyncIterator[Asking]:
    here = (upstream.address,)
    models = {
        "m": Model(here),
        "named": Model(here, at_servers="m", aliases=("also",)),
        "rivals": Model(here, tenants=("rival",)),
    }
    async with asking(tmp_path, models) as ask:
        yield ask


@pytest.mark.parametrize("datatype", RAW)
async def test_raw_tensors_of_every_datatype_pass_as_they_are(
    ask: Asking, upstream: OipUpstream, datatype: str
) -> None:
    request = oip.ModelInferRequest(model_name="m", id="7")
    request.inputs.add(name="in", datatype=datatype, shape=[2, 1])
    request.raw_input_contents.append(RAW[datatype])
    answer = await ask.ask("ModelInfer", request)
    assert upstream.asked == [("ModelInfer", request.SerializeToString())]
    assert answer.raw_output_contents == [RAW[datatype]]
    assert (answer.model_name, answer.id) == ("m", "7")
    assert (answer.outputs[0].datatype, answer.outputs[0].shape) == (datatype, [2, 1])


@pytest.mark.parametrize("datatype", TYPED)
async def test_typed_tensors_pass_as_they_are(
    ask: Asking, upstream: OipUpstream, datatype: str
) -> None:
    request = oip.ModelInferRequest(model_name="m")
    request.inputs.add(name="in", datatype=datatype, shape=[2], contents=TYPED[datatype])
    answer = await ask.ask("ModelInfer", request)
    assert upstream.asked == [("ModelInfer", request.SerializeToString())]
    assert answer.outputs[0].contents == TYPED[datatype]


async def test_what_this_protocol_does_not_know_passes_too(
    ask: Asking, upstream: OipUpstream
) -> None:
    request = tensor()
    request.parameters["sequence_id"].uint64_param = 9
    request.inputs[0].parameters["binary_data"].bool_param = True
    request.outputs.add(name="same").parameters["scale"].double_param = 0.5
    raw = request.SerializeToString() + b"\xa2\x06\x03new"  # field 100
    await ask.infer(raw)
    assert upstream.asked == [("ModelInfer", raw)]


@pytest.mark.parametrize("name", ["named", "also"])
async def test_a_model_has_the_name_that_each_side_has_for_it(
    ask: Asking, upstream: OipUpstream, name: str
) -> None:
    answer = await ask.ask("ModelInfer", tensor(model=name))
    assert oip.ModelInferRequest.FromString(upstream.asked[0][1]).model_name == "m"
    assert answer.model_name == "named"
    assert answer.raw_output_contents == [b"\x01\x02\x03\x04"]


async def test_a_message_larger_than_a_payload_may_be_passes_both_ways(ask: Asking) -> None:
    data = bytes(101_000_000)
    answer = await ask.ask("ModelInfer", tensor(data))
    assert answer.raw_output_contents == [data]


async def test_what_clients_and_servers_compress_passes(ask: Asking) -> None:
    async def infer(raw: bytes, context: aio.ServicerContext[bytes, bytes]) -> bytes:
        return OipUpstream().answer(raw)

    server = aio.server(compression=grpc.Compression.Gzip)
    handlers = {"ModelInfer": grpc.unary_unary_rpc_method_handler(infer)}
    service = grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers)
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    ask.gateway.models.registry.change({"m": Model((f"127.0.0.1:{port}",))})
    data = bytes(1_000_000)
    raw = tensor(data).SerializeToString()
    answer = await ask.infer(raw, compression=grpc.Compression.Gzip)
    assert oip.ModelInferResponse.FromString(answer).raw_output_contents == [data]
    await server.stop(None)


async def test_a_malformed_tensor_is_named_and_goes_nowhere(
    ask: Asking, upstream: OipUpstream
) -> None:
    request = tensor(b"1234")
    request.inputs[0].shape[0] = 5
    with pytest.raises(aio.AioRpcError, match="input 'data'") as refused:
        await ask.ask("ModelInfer", request)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert upstream.asked == []


@pytest.mark.parametrize("model", ["unknown", "rivals"])
async def test_a_model_of_another_tenant_is_as_one_that_is_not_there(
    ask: Asking, model: str
) -> None:
    with pytest.raises(aio.AioRpcError, match=f"there is no model '{model}'") as refused:
        await ask.ask("ModelInfer", tensor(model=model))
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_refusal_says_when_to_try_again(ask: Asking, upstream: OipUpstream) -> None:
    upstream.behaves = "busy"
    with pytest.raises(aio.AioRpcError) as refused:
        await ask.ask("ModelInfer", tensor())
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"] == "1500"


@pytest.mark.parametrize(
    "metadata",
    [{"catnap_user": "*"}, {"catnap_session": "*"}, {"catnap_priority": "urgent"}],
)
async def test_metadata_that_says_nothing_is_refused(ask: Asking, metadata: dict[str, str]) -> None:
    with pytest.raises(aio.AioRpcError) as refused:
        await ask.ask("ModelInfer", tensor(), **metadata)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_user_who_is_named_twice_is_nobody(ask: Asking) -> None:
    """Whoever stands in between may have looked at the other one."""
    raw = tensor().SerializeToString()
    with pytest.raises(aio.AioRpcError, match="is there twice") as refused:
        await ask.infer(raw, ("catnap-user", "ann"), ("catnap-user", "ann"))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_key_of_one_user_asks_for_no_other(ask: Asking) -> None:
    secret = "anns-key-0123456789"
    how = {"catnap_priority": "high", "catnap_session": "s-1"}
    key = Key.of(secret, name="ann", roles=("caller",), tenant="acme", user="ann")
    ask.gateway.keys.change([(key, None)])
    await ask.by(secret).ask("ModelInfer", tensor(), **how, catnap_user="ann")
    with pytest.raises(aio.AioRpcError) as refused:
        await ask.by(secret).ask("ModelInfer", tensor(), catnap_user="bob")
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_who_leaves_ends_the_work_at_the_server(ask: Asking, upstream: OipUpstream) -> None:
    upstream.behaves = "hung"
    call = ask.infer(tensor().SerializeToString())
    await until(lambda: upstream.asked)
    call.cancel()
    await until(lambda: upstream.left == 1)
