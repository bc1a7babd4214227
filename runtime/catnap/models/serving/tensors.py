"""The tensors of a request as arrays, checked against what a model takes, and an
answer's bytes. Pure: messages, no calls.

What `request.parse` has found to hold is not asked again: the numbers of elements
and bytes agree with the shapes.

https://github.com/kserve/open-inference-protocol
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from catnap.errors import InvalidRequest
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.request import Input, Request
from catnap.models.serving.datatypes import Array
from catnap.models.serving.signature import Signature, Tensor
from catnap.models.wire import opening

_LENGTH = struct.Struct("<I")
_RAW_OUTPUTS = 6

Parameter = bool | int | float | str


def read(request: Request, signature: Signature) -> dict[str, Array]:
    """The inputs by name; elements of BYTES are `str`. Raises InvalidRequest,
    naming the tensor and what is wrong with it."""
    taken = {tensor.name: tensor for tensor in signature.inputs}
    found = dict[str, Array]()
    for number, given in enumerate(request.message.inputs):
        tensor = taken.get(given.name)
        if tensor is None:
            raise InvalidRequest(
                f"input {given.name!r}: unknown; the model takes {', '.join(taken)}"
            )
        _fits(given, tensor)
        raw = request.contents[number] if request.contents else None
        found[tensor.name] = _array(given, tensor, raw)
    for name, tensor in taken.items():
        if name not in found and not tensor.optional:
            raise InvalidRequest(
                f"input {name!r}: is missing: {tensor.datatype.oip} {tensor.shape}"
            )
    return found


def read_outputs(message: oip.ModelInferRequest, signature: Signature) -> list[str]:
    """The names of the outputs asked for, in that order; all of them by default."""
    known = [tensor.name for tensor in signature.outputs]
    asked = [tensor.name for tensor in message.outputs]
    for name in asked:
        if name not in known:
            raise InvalidRequest(f"output {name!r}: unknown; there are {', '.join(known)}")
        if asked.count(name) > 1:
            raise InvalidRequest(f"output {name!r}: asked for twice")
    return asked or known


def write(
    message: oip.ModelInferRequest,
    version: str,
    outputs: Sequence[tuple[Tensor, Array]],
    parameters: Mapping[str, Parameter] | None = None,
) -> bytes:
    """A ModelInferResponse to that request, its tensors as raw contents."""
    head = oip.ModelInferResponse(
        model_name=message.model_name, model_version=version, id=message.id
    )
    for tensor, array in outputs:
        head.outputs.add(name=tensor.name, datatype=tensor.datatype.oip, shape=array.shape)
    for name, value in (parameters or {}).items():
        head.parameters[name].CopyFrom(_parameter(value))
    parts: list[bytes | memoryview] = [head.SerializeToString()]
    for tensor, array in outputs:
        raw = _bytes(tensor, array)
        size = raw.nbytes if isinstance(raw, memoryview) else len(raw)
        parts += (opening(_RAW_OUTPUTS, size), raw)
    return b"".join(parts)  # the one time that the tensors are copied


def _fits(given: Input, tensor: Tensor) -> None:
    if given.datatype != tensor.datatype.oip:
        raise _wrong(tensor, f"datatype is {given.datatype}, the model takes {tensor.datatype.oip}")
    shape = list(given.shape)
    same = len(shape) == len(tensor.dims) and all(
        want in (-1, size) for want, size in zip(tensor.shape, shape, strict=True)
    )
    if not same:
        raise _wrong(tensor, f"shape {shape} does not fit {tensor.shape}, which the model takes")


def _array(given: Input, tensor: Tensor, raw: bytes | memoryview | None) -> Array:
    if tensor.datatype.oip == "BYTES":
        elements = given.contents.bytes_contents if raw is None else split(raw)
        texts = np.empty(math.prod(given.shape), object)
        for place, element in enumerate(elements):
            texts[place] = _text(tensor, place, element)
        return texts.reshape(given.shape)
    if raw is None:
        values = getattr(given.contents, tensor.datatype.field)
        try:
            return np.array(values, tensor.datatype.array).reshape(given.shape)
        except OverflowError:
            raise _wrong(tensor, f"there are values that {given.datatype} cannot have") from None
    flat: Array = np.frombuffer(raw, tensor.datatype.array)
    if tensor.datatype.oip == "BOOL":  # another byte than 0 and 1 is true too
        flat = flat.view(np.uint8) != 0
    return flat.reshape(given.shape)


def split(raw: bytes | memoryview) -> Iterator[bytes]:
    """The elements of BYTES: each a 4-byte little-endian length, then its bytes."""
    at, view = 0, memoryview(raw)
    while at < len(view):
        (length,) = _LENGTH.unpack_from(view, at)
        at += 4 + length
        yield bytes(view[at - length : at])


def _text(tensor: Tensor, place: int, element: bytes) -> str:
    try:
        return str(element, "utf-8")
    except UnicodeDecodeError as error:
        raise _wrong(
            tensor, f"element {place} is not UTF-8 at byte {error.start}, as texts are"
        ) from None


def _bytes(tensor: Tensor, array: Array) -> bytes | memoryview:
    if tensor.datatype.oip != "BYTES":
        return np.ascontiguousarray(array, tensor.datatype.array).data
    texts = (each if isinstance(each, bytes) else str(each).encode() for each in array.flat)
    return b"".join(part for text in texts for part in (_LENGTH.pack(len(text)), text))


def _parameter(value: Parameter) -> oip.InferParameter:
    if isinstance(value, bool):
        return oip.InferParameter(bool_param=value)
    if isinstance(value, int):
        return oip.InferParameter(int64_param=value)
    if isinstance(value, float):
        return oip.InferParameter(double_param=value)
    return oip.InferParameter(string_param=value)


def _wrong(tensor: Tensor, what: str) -> InvalidRequest:
    return InvalidRequest(f"input {tensor.name!r}: {what}")
