"""A tensor's elements as JSON has them, and as bytes. Pure.

JSON has them flat or nested, row by row; bytes are little-endian without gaps,
each element of BYTES after its length in four bytes.

Source: https://github.com/kserve/open-inference-protocol (REST, tensor data).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

from catnap.errors import InvalidRequest, SkillCrashed
from catnap.models.text_tensors import packed as strings
from catnap.skills.tensors import FORMATS

_KINDS: dict[str, tuple[frozenset[type], str]] = {
    "BOOL": (frozenset((bool,)), "true or false"),
    "BYTES": (frozenset((str,)), "a string"),
    **dict.fromkeys(("FP32", "FP64"), (frozenset((int, float)), "a number")),
}
_INTEGER = (frozenset((int,)), "an integer")

_LENGTH = struct.Struct("<I")
_NO_JSON = ("FP16", "BF16")
ASK_BINARY = "ask for it as binary data (its parameter binary_data, or binary_data_output)"


def to_bytes(tensor: str, datatype: str, shape: Sequence[int], data: Sequence[Any]) -> bytes:
    """tensor: what errors call it. Raises InvalidRequest where the data is not
    what datatype and shape say."""
    if datatype in _NO_JSON:
        raise InvalidRequest(f"{tensor}: {datatype} has no form in JSON: send it as binary data")
    if datatype not in FORMATS and datatype != "BYTES":
        known = ", ".join((*FORMATS, *_NO_JSON, "BYTES"))
        raise InvalidRequest(f"{tensor}: datatype {datatype!r} is none of {known}")
    values = _flat(tensor, shape, data)
    kinds, name = _KINDS.get(datatype, _INTEGER)
    if not set(map(type, values)) <= kinds:
        place = next(n for n, each in enumerate(values) if type(each) not in kinds)
        raise InvalidRequest(f"{tensor}: element {place} is not {name}, and {datatype} takes these")
    if datatype == "BYTES":
        return strings(each.encode() for each in values)
    try:
        return struct.pack(f"<{len(values)}{FORMATS[datatype]}", *values)
    except (struct.error, OverflowError):
        raise InvalidRequest(f"{tensor}: an element is out of the range of {datatype}") from None


def from_bytes(tensor: str, datatype: str, raw: bytes) -> Sequence[Any]:
    """Flat. Raises InvalidRequest for what JSON has no form for, and SkillCrashed
    for bytes that are no such tensor."""
    if datatype == "BYTES":
        return texts(tensor, _split(tensor, raw))
    if datatype in _NO_JSON:
        raise InvalidRequest(f"{tensor}: {datatype} has no form in JSON: {ASK_BINARY}")
    code = FORMATS.get(datatype)
    if code is None or len(raw) % struct.calcsize(code):
        raise SkillCrashed(f"{tensor}: the server's {len(raw):,} bytes are no {datatype}")
    return struct.unpack(f"<{len(raw) // struct.calcsize(code)}{code}", raw)


def texts(tensor: str, elements: Sequence[bytes]) -> list[str]:
    """Of BYTES. Raises InvalidRequest for what is no text."""
    return [_text(tensor, number, each) for number, each in enumerate(elements)]


def packed(tensor: str, datatype: str, elements: Sequence[Any]) -> bytes:
    """What a server gave that does not write its tensors raw. Raises SkillCrashed."""
    try:
        if datatype == "BYTES":
            return strings(elements)
        return struct.pack(f"<{len(elements)}{FORMATS[datatype]}", *elements)
    except (KeyError, TypeError, struct.error):
        raise SkillCrashed(f"{tensor}: the server's contents are no {datatype}") from None


def _flat(tensor: str, shape: Sequence[int], data: Sequence[Any]) -> Sequence[Any]:
    if not data or type(data[0]) is not list:
        if any(size < 0 for size in shape) or math.prod(shape) != len(data):
            raise InvalidRequest(
                f"{tensor}: shape {list(shape)} does not take the {len(data):,} elements given"
            )
        return data
    rows: list[Any] = [data]
    for size in shape:
        if not all(type(row) is list and len(row) == size for row in rows):
            raise InvalidRequest(f"{tensor}: its nested data is not of shape {list(shape)}")
        rows = list(chain.from_iterable(rows))
    return rows


def _split(tensor: str, raw: bytes) -> list[bytes]:
    found, at = list[bytes](), 0
    while at + 4 <= len(raw):
        (length,) = _LENGTH.unpack_from(raw, at)
        at += 4 + length
        found.append(raw[at - length : at])
    if at != len(raw):
        raise SkillCrashed(f"{tensor}: the server's {len(raw):,} bytes are no BYTES")
    return found


def _text(tensor: str, number: int, element: bytes) -> str:
    try:
        return element.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(f"{tensor}: element {number} is no UTF-8: {ASK_BINARY}") from None
