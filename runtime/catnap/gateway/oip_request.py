"""A request of the Open Inference Protocol's REST as the message of its gRPC,
with Triton's extension for binary tensor data. Pure.

Source: https://github.com/kserve/open-inference-protocol and, of the extension,
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from catnap.errors import InvalidRequest, PayloadTooLarge
from catnap.gateway.oip_elements import to_bytes
from catnap.inference import grpc_service_pb2 as oip

MAX_JSON = 8 << 20
"""Bytes of JSON that one request may have: they are read at once, and while they
are nobody else is answered."""

Parameter = bool | int | float | str


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Parameter] = {}
    data: list[Any] | None = None


class _Output(msgspec.Struct):
    name: str
    parameters: dict[str, Parameter] = {}


class _Request(msgspec.Struct):
    inputs: list[_Input]
    id: str = ""
    parameters: dict[str, Parameter] = {}
    outputs: list[_Output] = []


_decoder = msgspec.json.Decoder(_Request)


@dataclass(frozen=True)
class Wanted:
    """Which outputs come as binary data: by name, and all others."""

    named: Mapping[str, bool]
    others: bool

    def __call__(self, output: str) -> bool:
        return self.named.get(output, self.others)


def read(
    body: bytes, header_length: int | None, model: str, version: str
) -> tuple[oip.ModelInferRequest, Wanted]:
    """The message, its tensors raw. header_length: of the JSON, where binary
    data follows. Raises InvalidRequest, naming the tensor that is wrong."""
    header = body if header_length is None else body[:header_length]
    if len(header) > MAX_JSON:
        raise PayloadTooLarge(
            f"the request has {len(header):,} bytes of JSON, the limit is {MAX_JSON:,}: "
            "send large tensors as binary data"
        )
    try:
        said = _decoder.decode(header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"the request is no inference request: {error}") from None
    binary = memoryview(body)[len(header) :]
    others = said.parameters.pop("binary_data_output", False) is True
    request = oip.ModelInferRequest(model_name=model, model_version=version, id=said.id)
    for each in said.inputs:
        size = each.parameters.pop("binary_data_size", None)
        tensor = request.inputs.add(name=each.name, datatype=each.datatype)
        _shape(tensor, each)
        _parameters(tensor.parameters, each.parameters)
        request.raw_input_contents.append(
            _from_json(each) if size is None else _from_binary(each, size, binary)
        )
        binary = binary[len(request.raw_input_contents[-1]) if size is not None else 0 :]
    if binary:
        raise InvalidRequest(
            f"{len(binary):,} bytes follow the last input: binary_data_size of the inputs and "
            "Inference-Header-Content-Length say where each begins"
        )
    named = dict[str, bool]()
    for asked in said.outputs:
        named[asked.name] = asked.parameters.pop("binary_data", False) is True
        _parameters(request.outputs.add(name=asked.name).parameters, asked.parameters)
    _parameters(request.parameters, said.parameters)
    return request, Wanted(named, others)


def _shape(tensor: oip.ModelInferRequest.InferInputTensor, said: _Input) -> None:
    try:
        tensor.shape.extend(said.shape)
    except ValueError:
        raise InvalidRequest(f"input {said.name!r}: a size in its shape is out of range") from None


def _from_json(said: _Input) -> bytes:
    if said.data is None:
        raise InvalidRequest(
            f"input {said.name!r}: has neither data nor the parameter binary_data_size"
        )
    return to_bytes(f"input {said.name!r}", said.datatype, said.shape, said.data)


def _from_binary(said: _Input, size: Parameter, binary: memoryview) -> bytes:
    if said.data is not None:
        raise InvalidRequest(f"input {said.name!r}: has data and binary_data_size: use one of them")
    if type(size) is not int or size < 0:
        raise InvalidRequest(
            f"input {said.name!r}: binary_data_size {size!r} is no number of bytes"
        )
    if size > len(binary):
        raise InvalidRequest(
            f"input {said.name!r}: binary_data_size is {size:,} and {len(binary):,} bytes are left"
        )
    return bytes(binary[:size])


def _parameters(message: Any, said: Mapping[str, Parameter]) -> None:
    """message: the field of that name."""
    for name, value in said.items():
        field = message[name]
        try:
            match value:
                case bool():
                    field.bool_param = value
                case int() if value >= 1 << 63:
                    field.uint64_param = value
                case int():
                    field.int64_param = value
                case float():
                    field.double_param = value
                case str():
                    field.string_param = value
        except ValueError:
            raise InvalidRequest(f"parameter {name!r}: {value} is out of range") from None
