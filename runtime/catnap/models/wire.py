"""A message in protobuf's wire format is taken apart without being copied: its
bulk is left where it is, and the small rest is parsed by protobuf itself.

Source: https://protobuf.dev/programming-guides/encoding/. What this reads
otherwise than protobuf's own parsers do, it has to refuse.
"""

from __future__ import annotations

FIELDS = 1 << 15
"""That a message may have at its top: each costs far more memory parsed than as it came."""

REST = 64 << 20
"""Bytes of a message beside its bulk: parsed, they can take eight times that."""

SMALL = 64 << 10
"""Bytes of a message that is parsed whole faster than it is taken apart."""

_SIZE = (1 << 31) - 1
_VARINT, _FIXED64, _BYTES, _BEGIN, _END, _FIXED32 = range(6)


def apart(raw: bytes | memoryview, number: int) -> tuple[bytes, list[memoryview]]:
    """The message without its fields of that number, which are of bytes or text,
    and these, in their order. Raises ValueError, saying what is wrong."""
    rest, bulk, groups = list[memoryview](), list[memoryview](), list[int]()
    view, size = memoryview(raw), len(raw)
    at = kept = fields = 0
    while at < size:
        begin = at
        fields += 1
        if fields > FIELDS:
            raise ValueError(f"it has more than {FIELDS:,} fields")
        tag, at = _varint(raw, at, 5)
        field, kind = tag >> 3, tag & 7
        if not field or tag >> 32:
            raise ValueError(f"byte {begin:,} begins no field")
        if kind == _BYTES:
            length, at = _varint(raw, at, 10)
            start, at = at, at + length
            if length > _SIZE or at > size:
                raise ValueError(f"the field at byte {begin:,} is longer than the message")
            if field == number and not groups:
                bulk.append(view[start:at])
                rest.append(view[kept:begin])
                kept = at
        elif kind == _VARINT:
            _, at = _varint(raw, at, 10)
        elif kind == _FIXED64:
            at += 8
        elif kind == _FIXED32:
            at += 4
        elif kind == _BEGIN:
            groups.append(field)
        elif kind != _END or not groups or groups.pop() != field:
            raise ValueError(f"byte {begin:,} begins no field")
    if at != size or groups:
        raise ValueError("it ends within a field")
    rest.append(view[kept:])
    if size - sum(map(len, bulk)) > REST:
        raise ValueError(f"it has more than {REST:,} bytes beside its raw contents")
    return b"".join(rest) if bulk else bytes(raw), bulk


def field(number: int, value: bytes) -> bytes:
    """A field of bytes or text, as it is written. number: below 16."""
    return opening(number, len(value)) + value


def opening(number: int, size: int) -> bytes:
    """What such a field of so many bytes begins with."""
    length = bytearray()
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes((number << 3 | _BYTES, *length))


def _varint(raw: bytes | memoryview, at: int, longest: int) -> tuple[int, int]:
    """It, and where it ends. longest: bytes that it may have."""
    value = 0
    for index, byte in enumerate(raw[at : at + longest]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    raise ValueError(f"there is no number at byte {at:,}")
