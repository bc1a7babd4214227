import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from catnap.inference import grpc_service_pb2 as oip
from catnap.inference.grpc_service_pb2_grpc import GRPCInferenceServiceStub
from catnap.models.serving import fake
from catnap.models.serving.embedding import MAX_WAITING
from catnap.models.serving.fake import HashEmbedder, WordTokenizer

TEXTS = ["a cat", "naps", "Ünïcödé\n", ""]


@asynccontextmanager
async def serve(max_waiting: int = MAX_WAITING) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server of the model in memory."""
    async with (
        fake.serving("minilm-l6-v2", max_waiting=max_waiting) as address,
        grpc.aio.insecure_channel(address) as channel,
    ):
        yield channel


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    async with serve() as channel:
        yield channel


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> GRPCInferenceServiceStub:
    return GRPCInferenceServiceStub(channel)


def pack(*texts: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)


def request(
    raw: bytes | None = None,
    typed: list[bytes] | None = None,
    shape: tuple[int, ...] = (1,),
    datatype: str = "BYTES",
    name: str = "text",
    **fields,
) -> oip.ModelInferRequest:
    tensor = oip.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    if typed is not None:
        tensor.contents.bytes_contents.extend(typed)
    fields = {"model_name": "minilm-l6-v2", "inputs": [tensor], **fields}
    return oip.ModelInferRequest(raw_input_contents=[] if raw is None else [raw], **fields)


def asking_for(*names: str) -> list[oip.ModelInferRequest.InferRequestedOutputTensor]:
    return [oip.ModelInferRequest.InferRequestedOutputTensor(name=name) for name in names]


RAW = request(pack(*(text.encode() for text in TEXTS)), shape=(4,), id="call-7")
TYPED = request(typed=[text.encode() for text in TEXTS], shape=(4,), id="call-7")


@pytest.mark.parametrize("asked", [RAW, TYPED], ids=["raw", "typed"])
async def test_texts_come_back_as_vectors_and_token_counts(stub, asked):
    answer = await stub.ModelInfer(asked)
    embedding, tokens = answer.outputs
    assert (answer.model_name, answer.model_version, answer.id) == ("minilm-l6-v2", "1", "call-7")
    assert (embedding.name, embedding.datatype, embedding.shape) == ("embedding", "FP32", [4, 384])
    assert (tokens.name, tokens.datatype, tokens.shape) == ("tokens", "INT32", [4])
    expected = HashEmbedder().run(WordTokenizer().encode(TEXTS))
    vectors = np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(4, 384)
    np.testing.assert_array_equal(vectors, expected)
    assert np.frombuffer(answer.raw_output_contents[1], "<i4").tolist() == [4, 3, 3, 2]


async def test_only_the_outputs_asked_for_are_answered(stub):
    asked = request(pack(b"a cat"), outputs=asking_for("tokens"))
    answer = await stub.ModelInfer(asked)
    assert [output.name for output in answer.outputs] == ["tokens"]
    assert answer.raw_output_contents == [struct.pack("<i", 4)]


async def test_no_texts_are_no_rows(stub):
    answer = await stub.ModelInfer(request(b"", shape=(0,)))
    assert [list(output.shape) for output in answer.outputs] == [[0, 384], [0]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (request(pack(b"a"), shape=(2,)), r"input 'text': shape \[2\] takes 2 elements of BYTES"),
        (request(pack(b"a", b"b", b"c")), r"shape \[1\] takes 1 elements"),
        (request(typed=[b"a"], shape=(2,)), r"shape \[2\] takes 2 elements and 1 are given"),
        (request(), r"shape \[1\] takes 1 elements and 0 are given"),
        (request(pack(b"a"), shape=(-1,)), r"shape \[-1\] has a negative dimension"),
        (request(pack(b"a"), shape=(1, 1)), r"shape \[1, 1\] does not fit \[-1\]"),
        (request(pack(b"a"), shape=()), r"shape \[\] does not fit \[-1\]"),
        (request(struct.pack("<f", 1), datatype="FP32"), "FP32, the model takes BYTES"),
        (request(pack(b"a"), datatype=""), "datatype '' is none of"),
        (request(pack(b"a"), typed=[b"a"]), "contents and raw_input_contents are mixed"),
        (request(struct.pack("<I", 9) + b"a"), "the 5 bytes given are not that"),
        (request(pack(b"a") + b"\1\0"), "the 7 bytes given are not that"),
        (request(pack(b"fine", b"\xff"), shape=(2,)), "element 1 is not UTF-8 at byte 0"),
        (request(typed=[b"ok\xc3"]), "element 0 is not UTF-8 at byte 2"),
        (request(pack(*[b""] * 4097), shape=(4097,)), "4097 texts, at most 4096"),
        (request(pack(b"a"), name="words"), "input 'words': unknown; the model takes text"),
        (request(inputs=[]), r"input 'text': is missing: BYTES \[-1\]"),
        (request(pack(b"a"), inputs=[]), "1 entries for 0 inputs"),
        (request(pack(b"a"), outputs=asking_for("logits")), "output 'logits': unknown; there are"),
        (request(pack(b"a"), outputs=asking_for(*["tokens"] * 2)), "'tokens': asked for twice"),
    ],
)
async def test_a_malformed_tensor_is_refused_with_what_is_wrong(stub, wrong, message):
    with pytest.raises(grpc.aio.AioRpcError, match=message) as refused:
        await stub.ModelInfer(wrong)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_numbers_in_the_contents_of_texts_are_refused(stub):
    wrong = request()
    wrong.inputs[0].contents.int_contents.append(1)
    with pytest.raises(grpc.aio.AioRpcError, match="in bytes_contents, not in int_contents"):
        await stub.ModelInfer(wrong)


async def test_more_raw_entries_than_inputs_are_refused(stub):
    wrong = request(pack(b"a"))
    wrong.raw_input_contents.append(b"")
    with pytest.raises(grpc.aio.AioRpcError, match="2 entries for 1 inputs"):
        await stub.ModelInfer(wrong)


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("gpt", "", "model 'gpt': unknown; there is minilm-l6-v2"),
        ("minilm-l6-v2", "2", "no version '2'; there is 1"),
    ],
)
async def test_an_unknown_model_is_answered_with_the_known_ones(stub, name, version, message):
    asked = request(pack(b"a"), model_name=name, model_version=version)
    for call in (
        stub.ModelInfer(asked),
        stub.ModelMetadata(oip.ModelMetadataRequest(name=name, version=version)),
    ):
        with pytest.raises(grpc.aio.AioRpcError, match=message) as refused:
            await call
        assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    ready = await stub.ModelReady(oip.ModelReadyRequest(name=name, version=version))
    assert not ready.ready


async def test_a_full_queue_says_when_to_come_back():
    async with serve(max_waiting=1) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await GRPCInferenceServiceStub(channel).ModelInfer(RAW)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert dict(refused.value.trailing_metadata())["grpc-retry-pushback-ms"] == "1000"


async def test_the_server_and_its_model_describe_themselves(stub):
    assert (await stub.ServerLive(oip.ServerLiveRequest())).live
    assert (await stub.ServerReady(oip.ServerReadyRequest())).ready
    assert (await stub.ModelReady(oip.ModelReadyRequest(name="minilm-l6-v2"))).ready
    assert (await stub.ServerMetadata(oip.ServerMetadataRequest())).name == "catnap"
    described = await stub.ModelMetadata(oip.ModelMetadataRequest(name="minilm-l6-v2"))
    assert list(described.versions) == ["1"]
    assert [
        (tensor.name, tensor.datatype, list(tensor.shape))
        for tensor in (*described.inputs, *described.outputs)
    ] == [("text", "BYTES", [-1]), ("embedding", "FP32", [-1, 384]), ("tokens", "INT32", [-1])]


@pytest.mark.parametrize("service", ["", "inference.GRPCInferenceService"])
async def test_health_says_serving(channel, service):
    checked = await health_pb2_grpc.HealthStub(channel).Check(
        health_pb2.HealthCheckRequest(service=service)
    )
    assert checked.status == health_pb2.HealthCheckResponse.SERVING


async def test_reflection_lists_the_services(channel):
    asked = reflection_pb2.ServerReflectionRequest(list_services="")
    answers = reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([asked]))
    answer = await anext(aiter(answers))
    assert {service.name for service in answer.list_services_response.service} == {
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
    }


async def test_a_request_of_more_than_the_default_4_mib_is_read(stub):
    answer = await stub.ModelInfer(request(pack(b"word " * 1_000_000)))
    assert np.frombuffer(answer.raw_output_contents[1], "<i4").tolist() == [256]
