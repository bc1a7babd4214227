"""What a request of the Open Inference Protocol says of its tensors, checked
before anybody works on it. The bytes that were checked are what is sent on.

Source: https://github.com/kserve/open-inference-protocol, and for the raw form
of BYTES and the regions of shared memory Triton's documentation.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec
from google.protobuf.message import DecodeError

from catnap.errors import InvalidRequest
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.wire import SMALL, apart, field

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

_RANK = 64
"""Dimensions of a tensor: nothing that computes with them takes more."""
_MOST = (1 << 63) - 1
"""Elements and bytes that can be counted where they are computed with."""
_STRINGS = 1 << 20
"""Elements of BYTES in one request: each is looked for by its length, which
takes a tenth of a second for so many, and nobody else is served meanwhile."""

_NAME = 100
"""Characters of a name that errors repeat."""
_OUTPUTS, _RAW = 6, 7
"""The fields of outputs and of raw_input_contents."""

Input = oip.ModelInferRequest.InferInputTensor


class Request(msgspec.Struct, frozen=True):
    """raw: the bytes as they came, to be sent on. message: all but its
    raw_input_contents, which are `contents`: of a large request they are where
    they came, and were never copied."""

    raw: bytes
    message: oip.ModelInferRequest
    contents: Sequence[bytes | memoryview]

    def named(self, name: str, version: str) -> bytes:
        """To be sent to a server that calls the model so."""
        if (name, version) == (self.message.model_name, self.message.model_version):
            return self.raw
        return named(self.raw, name, version)


def parse(raw: bytes, small: int = SMALL) -> Request:
    """Raises InvalidRequest, naming the tensor and what is wrong with it. small:
    bytes of a message that is parsed whole."""
    contents: Sequence[bytes | memoryview]
    try:
        if len(raw) <= small:
            message = oip.ModelInferRequest.FromString(raw)
            contents = message.raw_input_contents
        else:
            rest, contents = apart(raw, _RAW)
            message = oip.ModelInferRequest.FromString(rest)
    except DecodeError:
        raise _no_request(raw, "it is not of that form") from None
    except ValueError as error:
        raise _no_request(raw, str(error)) from None
    _check(message, contents)
    return Request(raw, message, contents)


def named(raw: bytes, name: str, version: str) -> bytes:
    """The same request, or answer, of another model. A field that comes again
    replaces what it was; nothing else is looked at."""
    return b"".join((raw, field(1, name.encode()), field(2, version.encode())))


def wanting(raw: bytes, output: str) -> bytes:
    """The same request, that wants one more output."""
    wanted = oip.ModelInferRequest.InferRequestedOutputTensor(name=output)
    return raw + field(_OUTPUTS, wanted.SerializeToString())


def _no_request(raw: bytes, why: str) -> InvalidRequest:
    return InvalidRequest(f"the {len(raw):,} bytes are no inference.ModelInferRequest: {why}")


def _check(message: oip.ModelInferRequest, contents: Sequence[bytes | memoryview]) -> None:
    # By numbers: that protobuf's own iteration ends costs as much as a tensor.
    inputs, outputs = message.inputs, message.outputs
    count, given = len(inputs), len(contents)
    if given and given != count:
        raise InvalidRequest(f"raw_input_contents: {given:,} entries for {count:,} inputs")
    seen: set[str] = set()
    strings = 0
    for number in range(count):
        tensor = inputs[number]
        name = tensor.name
        if name in seen:
            raise _wrong(tensor, number, "there are two of that name")
        seen.add(name)
        if _SHARED in tensor.parameters:
            raise _wrong(tensor, number, "regions of shared memory cannot be named here")
        datatype = tensor.datatype
        elements = _elements(tensor, number, datatype)
        if not given:
            _check_typed(tensor, number, elements)
            continue
        if tensor.HasField("contents") and tensor.contents.ListFields():
            raise _wrong(tensor, number, "contents and raw_input_contents are mixed: use one")
        if datatype != "BYTES":
            _check_size(tensor, number, elements * SIZES[datatype], len(contents[number]))
            continue
        strings += elements
        if strings > _STRINGS:
            raise _wrong(tensor, number, f"more than {_STRINGS:,} elements of BYTES in a request")
        _check_strings(tensor, number, elements, contents[number])
    for number in range(len(outputs)):
        output = outputs[number]
        if _SHARED in output.parameters:
            raise InvalidRequest(
                f"output {_brief(output.name)}: regions of shared memory cannot be named here"
            )


def _elements(tensor: Input, number: int, datatype: str) -> int:
    if datatype not in _FIELDS and datatype not in SIZES:
        known = ", ".join((*SIZES, "BYTES"))
        raise _wrong(tensor, number, f"datatype {_brief(datatype)} is none of {known}")
    shape = tensor.shape
    if len(shape) > _RANK:
        raise _wrong(tensor, number, f"its shape has {len(shape):,} dimensions, {_RANK} are most")
    elements, most = 1, SIZES.get(datatype, 1)
    for size in shape[:]:
        if size < 0:
            raise _wrong(tensor, number, f"shape {list(shape)} has a negative dimension")
        elements *= size
        most *= size or 1  # who computes strides does so with empty tensors too
    if most > _MOST:
        raise _wrong(tensor, number, f"shape {list(shape)} of {datatype} is more than can be")
    return elements


def _check_size(tensor: Input, number: int, expected: int, given: int) -> None:
    if given != expected:
        raise _wrong(
            tensor,
            number,
            f"shape {list(tensor.shape)} of {tensor.datatype} takes {expected:,} bytes "
            f"and {given:,} are given",
        )


def _check_strings(tensor: Input, number: int, elements: int, raw: bytes | memoryview) -> None:
    at, size = 0, len(raw)
    # So many lengths there have to be at least: what claims more is not walked.
    if elements * 4 <= size:
        try:
            for _ in range(elements):
                at += 4 + _LENGTH.unpack_from(raw, at)[0]
        except struct.error:  # it ends before them
            at = -1
    else:
        at = -1
    if at != size:
        raise _wrong(
            tensor,
            number,
            f"shape {list(tensor.shape)} takes {elements:,} elements of BYTES, each after its "
            f"length in 4 bytes, and the {size:,} bytes given are not that",
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
    return InvalidRequest(f"input {_brief(tensor.name) if tensor.name else number}: {what}")


def _brief(text: str) -> str:
    """Quoted: what is wrong with it has to fit into a status."""
    return repr(text if len(text) <= _NAME else text[:_NAME] + "…")
