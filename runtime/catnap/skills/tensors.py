"""Tensors of ctx.models.infer: names, shapes and bytes, and no array library.

On the wire they are the Open Inference Protocol's REST with its extension for
binary data.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from catnap.errors import InvalidRequest, SkillCrashed
from catnap.skills.gateway import Headers

FORMATS: dict[str, Any] = {
    "BOOL": "?",
    "INT8": "b",
    "INT16": "h",
    "INT32": "i",
    "INT64": "q",
    "UINT8": "B",
    "UINT16": "H",
    "UINT32": "I",
    "UINT64": "Q",
    "FP32": "f",
    "FP64": "d",
}
"""As memoryview and struct call them, by the protocol's names."""

_HEADER = b"inference-header-content-length"
_LENGTH = struct.Struct("<I")


class Tensor(msgspec.Struct, frozen=True):
    """One input or output of a model.

    datatype: the protocol's name, such as FP32, INT64 or BYTES. data: row by
    row, little-endian; each element of BYTES after its length in four bytes.
    `Tensor("x", "FP32", array.shape, array.tobytes())` of a numpy array.
    """

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: bytes

    @classmethod
    def of_texts(cls, name: str, texts: Iterable[str]) -> Tensor:
        """BYTES, of one dimension."""
        encoded = [text.encode() for text in texts]
        data = b"".join(_LENGTH.pack(len(each)) + each for each in encoded)
        return cls(name, "BYTES", (len(encoded),), data)

    def view(self) -> memoryview[Any]:
        """The elements in their shape, without a copy; numpy.asarray takes it as
        it is. Needs one element at least. Raises InvalidRequest for BYTES and for
        16-bit floats, whose `data` says it all."""
        if self.datatype not in FORMATS:
            raise InvalidRequest(f"tensor {self.name!r}: {self.datatype} has no view: use its data")
        found: memoryview[Any] = memoryview(self.data).cast(FORMATS[self.datatype], self.shape)
        return found

    def texts(self) -> list[str]:
        """The elements of BYTES. Raises InvalidRequest for another datatype, and
        UnicodeDecodeError for what is no UTF-8."""
        if self.datatype != "BYTES":
            raise InvalidRequest(f"tensor {self.name!r}: it is of {self.datatype}, not of BYTES")
        found, at = list[str](), 0
        while at < len(self.data):
            (length,) = _LENGTH.unpack_from(self.data, at)
            at += 4 + length
            found.append(self.data[at - length : at].decode())
        return found


def write(inputs: Sequence[Tensor], outputs: Sequence[str]) -> tuple[Headers, bytes]:
    """A request: its headers and its body. outputs: which ones; empty for all."""
    wanted = [{"name": name, "parameters": {"binary_data": True}} for name in outputs]
    more = {"outputs": wanted, "parameters": {"binary_data_output": True}}
    return together("inputs", inputs, more)


def together(
    kind: str, tensors: Sequence[Tensor], more: Mapping[str, object] = {}
) -> tuple[Headers, bytes]:
    """A message's headers and body. kind: inputs or outputs."""
    described = [
        {
            "name": each.name,
            "datatype": each.datatype,
            "shape": each.shape,
            "parameters": {"binary_data_size": len(each.data)},
        }
        for each in tensors
    ]
    header = msgspec.json.encode({kind: described, **more})
    headers = [(b"content-type", b"application/octet-stream"), (_HEADER, b"%d" % len(header))]
    return headers, b"".join((header, *(each.data for each in tensors)))


class _Parameters(msgspec.Struct):
    binary_data_size: int


class _Described(msgspec.Struct):
    name: str
    datatype: str
    shape: tuple[int, ...]
    parameters: _Parameters


class _Message(msgspec.Struct):
    inputs: list[_Described] = []
    outputs: list[_Described] = []


def apart(headers: Mapping[bytes, bytes], body: bytes, kind: str) -> list[Tensor]:
    """The tensors of a message. Raises SkillCrashed for what is none."""
    at = int(headers.get(_HEADER, b"%d" % len(body)))
    try:
        said = msgspec.json.decode(body[:at], type=_Message)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SkillCrashed(f"the model's answer cannot be read: {error}") from None
    found = []
    for each in said.inputs if kind == "inputs" else said.outputs:
        size = each.parameters.binary_data_size
        found.append(Tensor(each.name, each.datatype, each.shape, body[at : at + size]))
        at += size
    return found
