"""What a request of the Open Inference Protocol says of its tensors, checked
before anybody works on it. The bytes that were checked are what is sent on.

Source: https://github.com/kserve/open-inference-protocol, and for the raw form
of BYTES and the regions of shared memory Triton's documentation.
"""

from __future__ import annotations

import math
import struct

from google.protobuf.message import DecodeError

from catnap.errors import InvalidRequest
from catnap.inference import grpc_service_pb2 as oip

SIZES = {
    **dict.fromkeys(("BOOL", "INT8", "UINT8"), 1),
    **dict.fromkeys(("INT16", "UINT16", "FP16", "BF16"), 2),
    **dict.fromkeys(("INT32", "UINT32", "FP32"), 4),
    **dict.fromkeys(("INT64", "UINT64", "FP64"), 8),
}
"""Bytes of an element; of BYTES each has its own."""

_FIELDS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
"""Where the elements are that are not raw."""

_LENGTH = struct.Struct("<I")
_SHARED = "shared_memory_region"

Input = oip.ModelInferRequest.InferInputTensor


def parse(raw: bytes) -> oip.ModelInferRequest:
    """Raises InvalidRequest, naming the tensor and what is wrong with it."""
    try:
        request = oip.ModelInferRequest.FromString(raw)
    except DecodeError:
        raise InvalidRequest(
            f"the request's {len(raw):,} bytes are no inference.ModelInferRequest"
        ) from None
    check(request)
    return request


def check(request: oip.ModelInferRequest) -> None:
    """Raises as parse does."""
    contents = request.raw_input_contents
    inputs = request.inputs
    if contents and len(contents) != len(inputs):
        raise InvalidRequest(
            f"raw_input_contents: {len(contents)} entries for {len(inputs)} inputs"
        )
    seen = set[str]()
    for number, tensor in enumerate(inputs):
        if tensor.name in seen:
            raise _wrong(tensor, number, "there are two of that name")
        seen.add(tensor.name)
        if _SHARED in tensor.parameters:
            raise _wrong(tensor, number, "regions of shared memory cannot be named here")
        elements = _elements(tensor, number)
        if contents:
            _check_raw(tensor, number, elements, contents[number])
        else:
            _check_typed(tensor, number, elements)
    for output in request.outputs:
        if _SHARED in output.parameters:
            raise InvalidRequest(
                f"output {output.name!r}: regions of shared memory cannot be named here"
            )


def named(raw: bytes, name: str, version: str) -> bytes:
    """The same request, or answer, of another model. A field that comes again
    replaces what it was; nothing else is looked at."""
    return b"".join((raw, _field(1, name.encode()), _field(2, version.encode())))


def _elements(tensor: Input, number: int) -> int:
    if tensor.datatype not in _FIELDS and tensor.datatype not in SIZES:
        known = ", ".join((*SIZES, "BYTES"))
        raise _wrong(tensor, number, f"datatype {tensor.datatype!r} is none of {known}")
    shape = tensor.shape
    if any(size < 0 for size in shape):
        raise _wrong(tensor, number, f"shape {list(shape)} has a negative dimension")
    return math.prod(shape)


def _check_raw(tensor: Input, number: int, elements: int, raw: bytes) -> None:
    if tensor.HasField("contents") and tensor.contents.ListFields():
        raise _wrong(tensor, number, "contents and raw_input_contents are mixed: use one of them")
    if tensor.datatype == "BYTES":
        _check_strings(tensor, number, elements, raw)
        return
    expected = elements * SIZES[tensor.datatype]
    if len(raw) != expected:
        raise _wrong(
            tensor,
            number,
            f"shape {list(tensor.shape)} of {tensor.datatype} takes {expected:,} bytes "
            f"and {len(raw):,} are given",
        )


def _check_strings(tensor: Input, number: int, elements: int, raw: bytes) -> None:
    at = found = 0
    # So many lengths there have to be at least: what claims more is not walked.
    while at < len(raw) and elements * 4 <= len(raw) and found <= elements:
        if len(raw) - at < 4:
            break
        at += 4 + _LENGTH.unpack_from(raw, at)[0]
        found += 1
    if at != len(raw) or found != elements:
        raise _wrong(
            tensor,
            number,
            f"shape {list(tensor.shape)} takes {elements:,} elements of BYTES, each after its "
            f"length in 4 bytes, and the {len(raw):,} bytes given are not that",
        )


def _check_typed(tensor: Input, number: int, elements: int) -> None:
    field = _FIELDS.get(tensor.datatype)
    if field is None:
        raise _wrong(tensor, number, f"{tensor.datatype} has to be in raw_input_contents")
    given = 0
    for descriptor, values in tensor.contents.ListFields():
        if descriptor.name != field:
            raise _wrong(
                tensor, number, f"{tensor.datatype} is in {field}, not in {descriptor.name}"
            )
        given = len(values)
    if given != elements:
        raise _wrong(
            tensor,
            number,
            f"shape {list(tensor.shape)} takes {elements:,} elements and {given:,} are given",
        )


def _wrong(tensor: Input, number: int, what: str) -> InvalidRequest:
    return InvalidRequest(
        f"input {tensor.name!r}: {what}" if tensor.name else f"input {number}: {what}"
    )


def _field(number: int, value: bytes) -> bytes:
    """A field of bytes or text as protobuf writes it."""
    size, length = len(value), bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes((number << 3 | 2,)) + bytes(length) + value
