"""Requests of the Open Inference Protocol are checked before anybody works on them."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.errors import InvalidRequest
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.request import SIZES, named, parse, wanting


def asked(
    datatype: str, shape: list[int], raw: bytes | None = None, name: str = "x"
) -> oip.ModelInferRequest:
    request = oip.ModelInferRequest(model_name="m", id="7")
    request.inputs.add(name=name, datatype=datatype, shape=shape)
    if raw is not None:
        request.raw_input_contents.append(raw)
    return request


def strings(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(each)) + each for each in values)


@pytest.mark.parametrize("datatype", SIZES)
@given(st.lists(st.integers(0, 5), max_size=3))
def test_raw_contents_of_the_right_size_pass(datatype: str, shape: list[int]) -> None:
    elements = 1
    for size in shape:
        elements *= size
    request = asked(datatype, shape, bytes(elements * SIZES[datatype]))
    assert parse(request.SerializeToString()).message == request


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_strings_of_any_bytes_pass(values: list[bytes]) -> None:
    parse(asked("BYTES", [len(values)], strings(*values)).SerializeToString())


@pytest.mark.parametrize(
    ("field", "datatype", "values"),
    [
        ("bool_contents", "BOOL", [True, False]),
        ("int_contents", "INT8", [1, 2]),
        ("int64_contents", "INT64", [1, 2]),
        ("uint_contents", "UINT16", [1, 2]),
        ("uint64_contents", "UINT64", [1, 2]),
        ("fp32_contents", "FP32", [1.0, 2.0]),
        ("fp64_contents", "FP64", [1.0, 2.0]),
        ("bytes_contents", "BYTES", [b"a", b"b"]),
    ],
)
def test_typed_contents_are_in_the_field_of_their_datatype(
    field: str, datatype: str, values: list[object]
) -> None:
    request = asked(datatype, [2])
    getattr(request.inputs[0].contents, field).extend(values)
    parse(request.SerializeToString())
    request.inputs[0].datatype = "FP32" if datatype != "FP32" else "FP64"
    with pytest.raises(InvalidRequest, match=f"input 'x': .* not in {field}"):
        parse(request.SerializeToString())


def _mixed() -> oip.ModelInferRequest:
    request = asked("FP32", [1], bytes(4))
    request.inputs[0].contents.fp32_contents.append(1.0)
    return request


def _twice() -> oip.ModelInferRequest:
    request = asked("FP32", [1], bytes(4))
    request.inputs.append(request.inputs[0])
    request.raw_input_contents.append(bytes(4))
    return request


def _shared() -> oip.ModelInferRequest:
    request = asked("FP32", [1])
    request.inputs[0].parameters["shared_memory_region"].string_param = "theirs"
    return request


def _shared_output() -> oip.ModelInferRequest:
    request = asked("FP32", [1], bytes(4))
    output = request.outputs.add(name="y")
    output.parameters["shared_memory_region"].string_param = "theirs"
    return request


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (lambda: asked("FP32", [3], bytes(11)), "'x': .* takes 12 bytes and 11 are given"),
        (lambda: asked("FP32", [-1], bytes(4)), r"'x': shape \[-1\] has a negative"),
        (lambda: asked("FP31", [1], bytes(4)), "'x': datatype 'FP31' is none of BOOL,"),
        (lambda: asked("", [1], bytes(4)), "'x': datatype ''"),
        (lambda: asked("FP32", [1], bytes(5), name=""), "input 0: .* 5 are given"),
        (_mixed, "'x': contents and raw_input_contents are mixed"),
        (_twice, "'x': there are two"),
        (lambda: asked("FP16", [1]), "'x': FP16 has to be in raw_input_contents"),
        (lambda: asked("FP32", [2]), "'x': .* takes 2 elements and 0 are given"),
        (lambda: asked("FP32", [1 << 40], bytes(4)), "'x': .* takes 4,398,046,511,104 bytes"),
        (lambda: asked("BYTES", [1], b"\xff\xff\xff\x7fabcdef"), "'x': .* 10 bytes given"),
        (lambda: asked("BYTES", [1 << 40], strings(b"a")), "'x': .* elements of BYTES"),
        (lambda: asked("BYTES", [1], strings(b"a", b"b")), "'x': .* 1 elements of BYTES"),
        (lambda: asked("BYTES", [2], strings(b"a") + b"\0"), "'x': .* 2 elements of BYTES"),
        (lambda: asked("FP32", [1 << 62] * 9, bytes(4)), r"'x': shape \[.*\] of FP32 is more than"),
        (lambda: asked("FP32", [0, 1 << 62, 2]), "'x': .* is more than can be"),
        (lambda: asked("INT8", [1 << 63 - 1] * 4000, b""), "'x': its shape has 4,000 dimensions"),
        (lambda: asked("BYTES", [2 << 20], bytes(8 << 20)), "'x': more than 1,048,576 elements"),
        (lambda: asked("BYTES", [2], strings(b"a") + b"\xff\xff\xff\xff"), "'x': .* 2 elements"),
        (lambda: asked("FP31", [1], name="x" * 9999), "^input 'x{100}…': datatype"),
        (lambda: asked("F" * 9999, [1]), "^input 'x': datatype 'F{100}…' is none"),
        (_shared, "'x': regions of shared memory"),
        (_shared_output, "output 'y': regions of shared memory"),
    ],
)
def test_what_is_wrong_with_a_tensor_is_said_with_its_name(
    request_: Callable[[], oip.ModelInferRequest], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        parse(request_().SerializeToString())


def test_contents_that_are_more_or_fewer_than_the_inputs_are_refused() -> None:
    request = asked("FP32", [1], bytes(4))
    request.raw_input_contents.append(bytes(4))
    with pytest.raises(InvalidRequest, match="2 entries for 1 inputs"):
        parse(request.SerializeToString())


def large_first(raw: bytes) -> str:
    """What is said of it where it is taken apart, and where it is parsed whole."""
    said = []
    for small in (-1, len(raw)):
        try:
            request = parse(raw, small)
            said.append(f"{request.message.inputs} {[bytes(each) for each in request.contents]}")
        except InvalidRequest as error:
            said.append(error.message)
    if "are no inference.ModelInferRequest" in said[0]:
        assert "are no inference.ModelInferRequest" in said[1]
    else:
        assert said[0] == said[1]
    return said[0]


@given(st.binary(max_size=200), st.integers(0))
def test_a_request_is_judged_alike_however_large_it_is(noise: bytes, seed: int) -> None:
    dice = random.Random(seed)
    request = asked("BYTES", [2], strings(b"one", b"two"))
    request.inputs.add(
        name="y", datatype=dice.choice(["FP32", "INT8"]), shape=[dice.choice([1, 4])]
    )
    request.raw_input_contents.append(bytes(4))
    whole = bytearray(request.SerializeToString())
    large_first(bytes(whole))
    for _ in range(dice.randrange(1, 4)):
        whole[dice.randrange(len(whole))] = dice.randrange(256)
    for raw in (noise, bytes(whole), bytes(whole) + noise):
        large_first(raw)


def test_a_large_tensor_is_not_copied() -> None:
    raw = asked("FP32", [1 << 18], bytes(1 << 20)).SerializeToString()
    request = parse(raw)
    [tensor] = request.contents
    assert isinstance(tensor, memoryview)
    assert tensor.obj is raw is request.raw
    assert request.named("m", "") is raw
    assert not request.message.raw_input_contents


def test_one_more_output_is_wanted_and_the_rest_stays() -> None:
    request = asked("FP32", [1], bytes(4))
    request.outputs.add(name="y")
    found = oip.ModelInferRequest.FromString(wanting(request.SerializeToString(), "z"))
    request.outputs.add(name="z")
    assert found == request


def test_the_last_of_a_field_that_comes_again_is_what_it_is_for_every_reader() -> None:
    raw = asked("FP32", [1], bytes(4)).SerializeToString()
    for request in (raw, named(raw, "n", "2")):
        again = named(request, "last", "")
        for found in (parse(again).message, parse(again, -1).message):
            assert (found.model_name, found.model_version) == ("last", "")


@given(st.text(max_size=200), st.text(max_size=3))
def test_a_request_is_sent_on_under_another_name_as_it_is(name: str, version: str) -> None:
    request = asked("FP32", [300], bytes(1200))
    found = oip.ModelInferRequest.FromString(named(request.SerializeToString(), name, version))
    request.model_name, request.model_version = name, version
    assert found == request
