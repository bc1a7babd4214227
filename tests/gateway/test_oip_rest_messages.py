"""JSON and binary data of the Open Inference Protocol's REST are the tensors of
its gRPC, both ways."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from catnap.errors import InvalidRequest, PayloadTooLarge, SkillCrashed
from catnap.gateway import oip_answer, oip_request
from catnap.gateway.oip_answer import write
from catnap.gateway.oip_plain import plain
from catnap.gateway.oip_request import read
from catnap.inference import grpc_service_pb2 as oip


def tensor(name: str, datatype: str, shape: list[int], data: Any = None, **more: Any) -> Any:
    said = {"name": name, "datatype": datatype, "shape": shape, "parameters": more}
    return said if data is None else said | {"data": data}


def raw_of(datatype: str, shape: list[int], data: Any) -> bytes:
    body = json.dumps({"inputs": [tensor("x", datatype, shape, data)]}).encode()
    request, _ = read(body, None, "m", "")
    return request.raw_input_contents[0]


NUMBERS = [
    ("BOOL", [True, False], b"\1\0"),
    ("INT8", [-1, 127], struct.pack("<2b", -1, 127)),
    ("UINT8", [0, 255], b"\x00\xff"),
    ("INT16", [-2, 3], struct.pack("<2h", -2, 3)),
    ("UINT16", [1, 65535], struct.pack("<2H", 1, 65535)),
    ("INT32", [-5, 6], struct.pack("<2i", -5, 6)),
    ("UINT32", [5, 2**32 - 1], struct.pack("<2I", 5, 2**32 - 1)),
    ("INT64", [-(2**63), 2**63 - 1], struct.pack("<2q", -(2**63), 2**63 - 1)),
    ("UINT64", [0, 2**64 - 1], struct.pack("<2Q", 0, 2**64 - 1)),
    ("FP32", [0.5, -3], struct.pack("<2f", 0.5, -3)),
    ("FP64", [0.1, 1e300], struct.pack("<2d", 0.1, 1e300)),
    ("BYTES", ["", "aé"], b"\0\0\0\0\3\0\0\0a\xc3\xa9"),
]


@pytest.mark.parametrize(("datatype", "data", "raw"), NUMBERS)
def test_each_datatype_is_the_same_bytes_from_json_and_back(
    datatype: str, data: Any, raw: bytes
) -> None:
    assert raw_of(datatype, [2], data) == raw
    answer = oip.ModelInferResponse(model_name="m", raw_output_contents=[raw])
    answer.outputs.add(name="y", datatype=datatype, shape=[2])
    said, follows = write(answer, lambda _: False)
    assert json.loads(said)["outputs"][0]["data"] == data
    assert not follows


@pytest.mark.parametrize(
    "data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]], ids=["flat", "nested"]
)
def test_flat_and_nested_data_are_the_same_rows(data: Any) -> None:
    assert raw_of("INT32", [2, 3], data) == struct.pack("<6i", 1, 2, 3, 4, 5, 6)


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "reason"),
    [
        ("INT32", [3], [1, 2], r"input 'x': shape \[3\] does not take the 2 elements"),
        ("INT32", [-1], [1], r"input 'x': shape \[-1\] does not take"),
        ("INT32", [1 << 62, 4], [1], "input 'x': shape .* does not take the 1 elements"),
        ("INT32", [2, 2], [[1, 2], [3]], r"input 'x': its nested data is not of shape \[2, 2\]"),
        ("INT32", [2, 2], [[1, 2], 3], "input 'x': its nested data is not of shape"),
        ("INT32", [2], [[1], [2]], "input 'x': element 0 is not an integer"),
        ("INT32", [2], [1, 2.5], "input 'x': element 1 is not an integer, and INT32"),
        ("INT32", [2], [1, True], "input 'x': element 1 is not an integer"),
        ("BOOL", [2], [True, 1], "input 'x': element 1 is not true or false"),
        ("FP32", [1], ["1"], "input 'x': element 0 is not a number"),
        ("BYTES", [1], [1], "input 'x': element 0 is not a string"),
        ("INT8", [1], [128], "input 'x': an element is out of the range of INT8"),
        ("UINT64", [1], [-1], "input 'x': an element is out of the range of UINT64"),
        ("FP32", [1], [1e300], "input 'x': an element is out of the range of FP32"),
        ("FP16", [1], [1.0], "input 'x': FP16 has no form in JSON: send it as binary data"),
        ("BF16", [1], [1.0], "input 'x': BF16 has no form in JSON"),
        ("INT4", [1], [1], "input 'x': datatype 'INT4' is none of BOOL"),
        ("INT32", [1 << 63], [1], "input 'x': a size in its shape is out of range"),
        ("INT32", [1], None, "input 'x': has neither data nor the parameter binary_data_size"),
    ],
)
def test_what_is_wrong_with_a_tensor_is_said_with_its_name(
    datatype: str, shape: list[int], data: Any, reason: str
) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        raw_of(datatype, shape, data)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"inputs": 1}', b'{"inputs":[{}]}', b"\xff"])
def test_what_is_no_inference_request_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest, match="no inference request"):
        read(body, None, "m", "")


def test_binary_data_follows_the_json_in_the_order_of_the_inputs() -> None:
    header = json.dumps(
        {
            "id": "7",
            "parameters": {"priority": 3, "binary_data_output": True, "x": 0.5, "y": 2**63},
            "inputs": [
                tensor("a", "FP16", [2], binary_data_size=4, note="kept"),
                tensor("b", "INT8", [1], [5]),
                tensor("c", "BYTES", [1], binary_data_size=5),
            ],
            "outputs": [
                {"name": "y", "parameters": {"binary_data": False, "classification": 2}},
                {"name": "z"},
            ],
        }
    ).encode()
    request, binary = read(header + b"abcd" + b"\1\0\0\0q", len(header), "m", "2")
    assert list(request.raw_input_contents) == [b"abcd", b"\5", b"\1\0\0\0q"]
    assert (request.model_name, request.model_version, request.id) == ("m", "2", "7")
    assert dict(request.inputs[0].parameters).keys() == {"note"}
    assert request.parameters["priority"].int64_param == 3
    assert request.parameters["x"].double_param == 0.5
    assert request.parameters["y"].uint64_param == 2**63
    assert "binary_data_output" not in request.parameters
    assert request.outputs[0].parameters.keys() == {"classification"}
    assert (binary("y"), binary("z"), binary("other")) == (False, False, True)


@pytest.mark.parametrize(
    ("inputs", "data", "reason"),
    [
        ([tensor("a", "INT8", [4], binary_data_size=4)], b"abc", "input 'a': .* 4 and 3 bytes are"),
        ([tensor("a", "INT8", [4], binary_data_size=-1)], b"", "input 'a': binary_data_size -1"),
        ([tensor("a", "INT8", [4], binary_data_size="4")], b"abcd", "input 'a': binary_data_size"),
        ([tensor("a", "INT8", [1], [1], binary_data_size=1)], b"a", "input 'a': has data and bin"),
        ([tensor("a", "INT8", [1], binary_data_size=1)], b"ab", "1 bytes follow the last input"),
    ],
)
def test_binary_data_is_as_long_as_its_inputs_say(inputs: Any, data: bytes, reason: str) -> None:
    header = json.dumps({"inputs": inputs}).encode()
    with pytest.raises(InvalidRequest, match=reason):
        read(header + data, len(header), "m", "")


def test_json_is_bounded_and_binary_data_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oip_request, "MAX_JSON", 200)
    header = json.dumps({"inputs": [tensor("a", "INT8", [300], binary_data_size=300)]}).encode()
    assert read(header + bytes(300), len(header), "m", "")[0].raw_input_contents[0] == bytes(300)
    with pytest.raises(PayloadTooLarge, match="send large tensors as binary data"):
        read(header + b" " * 200, None, "m", "")


def answer(datatype: str, raw: bytes) -> oip.ModelInferResponse:
    found = oip.ModelInferResponse(model_name="m", model_version="2", id="7")
    found.outputs.add(name="y", datatype=datatype, shape=[2])
    found.raw_output_contents.append(raw)
    return found


def test_an_output_that_is_asked_for_as_binary_data_follows_the_json() -> None:
    said, follows = write(answer("FP16", b"abcd"), lambda name: name == "y")
    assert json.loads(said) == {
        "model_name": "m",
        "model_version": "2",
        "id": "7",
        "outputs": [
            {
                "name": "y",
                "datatype": "FP16",
                "shape": [2],
                "parameters": {"binary_data_size": 4},
            }
        ],
    }
    assert follows == [b"abcd"]


def test_what_a_server_says_of_binary_data_over_grpc_is_not_passed_on() -> None:
    found = answer("INT8", b"\1\2")
    found.outputs[0].parameters["binary_data_size"].int64_param = 2
    said, follows = write(found, lambda _: False)
    assert "parameters" not in json.loads(said)["outputs"][0]
    assert not follows


@pytest.mark.parametrize(
    ("datatype", "raw"), [("FP16", b"abcd"), ("BF16", b"abcd"), ("BYTES", b"\1\0\0\0\xff")]
)
def test_an_output_that_json_has_no_form_for_is_refused_by_name(datatype: str, raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"output 'y'.*: ask for it as binary data"):
        write(answer(datatype, raw), lambda _: False)


@pytest.mark.parametrize(
    ("datatype", "raw"),
    [("INT32", b"abc"), ("BYTES", b"\5\0\0\0a"), ("BYTES", b"\1\0"), ("INT9", b"")],
)
def test_an_answer_whose_bytes_are_no_tensor_is_the_servers_fault(
    datatype: str, raw: bytes
) -> None:
    with pytest.raises(SkillCrashed, match="output 'y'"):
        write(answer(datatype, raw), lambda _: False)


def test_an_answer_that_lacks_contents_is_the_servers_fault() -> None:
    found = answer("INT8", b"ab")
    found.outputs.add(name="z", datatype="INT8", shape=[1])
    with pytest.raises(SkillCrashed, match="2 outputs and the contents of 1"):
        write(found, lambda _: False)


def test_outputs_that_are_too_large_for_json_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(oip_answer, "MAX_JSON", 5)
    found = answer("INT8", b"abc")
    found.outputs.add(name="z", datatype="INT8", shape=[3])
    found.raw_output_contents.append(b"def")
    with pytest.raises(InvalidRequest, match="output 'z': is too large for JSON: ask for it as"):
        write(found, lambda _: False)
    assert write(found, lambda name: name == "z")[1] == [b"def"]


def test_numbers_that_json_does_not_have_are_null() -> None:
    raw = struct.pack("<2f", float("nan"), float("-inf"))
    said, _ = write(answer("FP32", raw), lambda _: False)
    assert json.loads(said)["outputs"][0]["data"] == [None, None]


@pytest.mark.parametrize("binary", [False, True])
def test_an_answer_that_is_not_raw_is_the_same(binary: bool) -> None:
    found = oip.ModelInferResponse(model_name="m")
    found.outputs.add(name="n", datatype="INT16", shape=[2]).contents.int_contents[:] = [1, -2]
    found.outputs.add(name="t", datatype="BYTES", shape=[1]).contents.bytes_contents[:] = [b"a"]
    found.outputs[0].parameters["k"].string_param = "v"
    said, follows = write(found, lambda _: binary)
    numbers, text = json.loads(said)["outputs"]
    if binary:
        assert follows == [struct.pack("<2h", 1, -2), b"\1\0\0\0a"]
    else:
        assert (numbers["data"], text["data"]) == ([1, -2], ["a"])
    assert numbers["parameters"]["k"] == "v"


@pytest.mark.parametrize(("datatype", "values"), [("FP16", [1.0]), ("INT8", [300]), ("BYTES", [1])])
def test_an_answer_whose_contents_are_no_tensor_is_the_servers_fault(
    datatype: str, values: list[Any]
) -> None:
    found = oip.ModelInferResponse()
    output = found.outputs.add(name="y", datatype=datatype, shape=[1])
    if datatype == "FP16":
        output.contents.fp32_contents[:] = values
    else:
        output.contents.int_contents[:] = values
    with pytest.raises(SkillCrashed, match=f"output 'y': the server's contents are no {datatype}"):
        write(found, lambda _: True)


def test_a_message_is_written_with_its_numbers_as_numbers() -> None:
    config = oip.ModelConfig(name="m", max_batch_size=8)
    config.input.add(name="x", data_type=oip.TYPE_FP32, dims=[-1, 1 << 40])
    config.parameters["k"].string_value = "v"
    said = plain(config)
    assert said["input"] == [
        {"name": "x", "data_type": "TYPE_FP32", "dims": [-1, 1 << 40], "optional": False}
    ]
    assert said["parameters"] == {"k": {"string_value": "v"}}
    assert said["backend"] == ""
    assert "dynamic_batching" not in said
