"""A message taken apart is what protobuf's own parser sees in it."""

from __future__ import annotations

import random

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.wire import FIELDS, REST, apart, field

Request = oip.ModelInferRequest


def varint(value: int, more: int = 0) -> bytes:
    """more: bytes that it could do without."""
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    for _ in range(more):
        written[-1] |= 0x80
        written.append(0)
    return bytes(written)


def part(dice: random.Random, depth: int = 0) -> bytes:
    """Fields, most of them of a request, some as nobody writes them."""
    return b"".join(one(dice, depth) for _ in range(dice.randrange(6)))


def one(dice: random.Random, depth: int) -> bytes:
    number = dice.choice([1, 2, 3, 4, 5, 6, 7, 7, 7, 7, 9, 16])
    if dice.random() < 0.02:
        number = dice.choice([0, (1 << 29) - 1, 1 << 29, dice.randrange(1 << 32)])
    kind = dice.choice(range(8)) if dice.random() < 0.15 else 2
    more = dice.randrange(10) if dice.random() < 0.02 else 0
    tag = varint(number << 3 | kind, more)
    inner = part(dice, depth + 1) if depth < 4 and dice.random() < 0.4 else dice.randbytes(3)
    if kind == 0:
        return tag + varint(dice.randrange(1 << dice.choice([1, 32, 64, 66])), more)
    if kind == 1:
        return tag + dice.randbytes(8)
    if kind == 2:
        text = inner if number in (4, 5, 6, 7) else dice.choice([b"", b"ab", b"\xff"])
        wrong = dice.choice([-1, 1, 1 << 31, 1 << 40]) if dice.random() < 0.02 else 0
        return tag + varint(max(0, len(text) + wrong), more) + text
    if kind == 3:
        return tag + inner + (varint(number << 3 | 4) if dice.random() < 0.9 else b"")
    return tag + dice.randbytes(4)


def drawn(dice: random.Random) -> bytes:
    raw = bytearray(part(dice))
    for _ in range(dice.choice([0, 0, 0, 1, 2]) if raw else 0):
        raw[dice.randrange(len(raw))] = dice.randrange(256)
    return bytes(raw[: dice.randrange(len(raw) + 1)] if dice.random() < 0.1 else raw)


def whole(raw: bytes) -> Request | None:
    try:
        return Request.FromString(raw)
    except DecodeError:
        return None


def together(raw: bytes) -> Request | None:
    try:
        rest, bulk = apart(raw, 7)
        found = Request.FromString(rest)
    except (DecodeError, ValueError):
        return None
    assert not found.raw_input_contents
    found.raw_input_contents.extend(map(bytes, bulk))
    return found


def same(raw: bytes) -> bool:
    """Unknown fields are compared too, by what is written of them."""
    left, right = whole(raw), together(raw)
    if left is None or right is None:
        return left is right
    return left.SerializeToString(deterministic=True) == right.SerializeToString(deterministic=True)


@given(st.integers(0))
def test_it_is_what_protobuf_sees_of_whatever_comes(seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(30):
        raw = drawn(dice)
        assert same(raw), raw.hex()


@given(st.binary(max_size=60))
def test_it_is_what_protobuf_sees_of_noise(raw: bytes) -> None:
    assert same(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"\x3a\x01a\x2a\x00\x3a\x01b",
        b"\x0a\x01a\x0a\x01b\x3a\x00\x0a\x01c",
        b"\x2a\x03\x0a\x01x\x3a\x01a\x22\x00\x22\x00",
        b"\x38\x05\x3d1234\x3912345678\x3a\x01a",
        b"\x4b\x3a\x01a\x4c\x3a\x01b",
        b"\x3b\x3a\x01a\x3c\x3a\x01b",
        b"\x4b\x53\x4c\x54",
        b"\x4b\x3a\x01a",
        b"\x4c\x3a\x01a",
        b"\xba\x80\x80\x80\x00\x81\x80\x80\x80\x00a",
        b"\xba\x80\x80\x80\x80\x00\x01a",
        b"\xba\x80\x80\x80\x10\x01a",
        b"\x3a\xff\xff\xff\xff\x0f",
        b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x3a\x01a",
        b"\x48\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x3a\x01a",
        b"\x00\x3a\x01a",
        b"\x3e\x3a\x01a",
        b"\x3a",
        b"\x3a\x02a",
        b"\x39123",
        b"\x4b" * 99 + b"\x4c" * 99 + b"\x3a\x01a",
        b"\x4b" * 150 + b"\x4c" * 150 + b"\x3a\x01a",
    ],
    ids=[
        *("before its inputs", "fields that come again", "maps and messages"),
        *("of other wire types", "within a group", "within a group of its number"),
        *("groups that cross", "a group without an end", "an end without a group"),
        *("numbers longer than need be", "a longer tag", "a tag of 33 bits"),
        *("more than 2 GiB", "a length of 64 bits", "a large number", "a larger one"),
        *("no field", "no wire type", "a tag alone", "cut in a field", "cut in a number"),
        *("groups in groups", "more of them than may be"),
    ],
)
def test_what_nobody_writes_is_read_alike_or_refused(raw: bytes) -> None:
    assert same(raw)
    assert same(raw + b"\x0a\x01m")


def test_the_bulk_stays_where_it_came() -> None:
    raw = Request(model_name="m", raw_input_contents=[bytes(100_000), b"a"]).SerializeToString()
    rest, bulk = apart(raw, 7)
    assert rest == field(1, b"m")
    assert [len(each) for each in bulk] == [100_000, 1]
    assert all(each.obj is raw for each in bulk)
    assert apart(rest, 7)[0] is rest


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\x3a\x00" * (FIELDS + 1), "more than 32,768 fields"),
        (b"\x2a\x00" * (FIELDS + 1), "more than 32,768 fields"),
        (field(5, bytes(REST)), "beside its raw contents"),
        (b"\x3a\xff\xff\xff\x07ab", "the field at byte 0 is longer than the message"),
    ],
    ids=["contents", "tensors", "bytes", "a claim"],
)
def test_what_would_take_far_more_memory_than_it_has_bytes_is_refused(
    raw: bytes, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        apart(raw, 7)
