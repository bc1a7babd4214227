"""Requests whose tensors are not what they say, and what has to be said of them."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from catnap.inference import grpc_service_pb2 as oip
from catnap.models.wire import field

Make = Callable[[random.Random], bytes]

NO_REQUEST = "are no inference.ModelInferRequest"


def request(
    datatype: str, shape: list[int], *raws: bytes, name: str = "x", model: str = "m"
) -> oip.ModelInferRequest:
    asked = oip.ModelInferRequest(model_name=model, id="7", raw_input_contents=raws)
    asked.inputs.add(name=name, datatype=datatype, shape=shape)
    return asked


def strings(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(each)) + each for each in values)


def _bytes(make: Callable[[random.Random], oip.ModelInferRequest]) -> Make:
    return lambda dice: make(dice).SerializeToString()


def _two_of_a_name(dice: random.Random) -> oip.ModelInferRequest:
    asked = request("INT8", [1], b"a", b"b")
    asked.inputs.append(asked.inputs[0])
    return asked


def _mixed(dice: random.Random) -> oip.ModelInferRequest:
    asked = request("FP32", [1], bytes(4))
    asked.inputs[0].contents.fp32_contents.append(dice.random())
    return asked


def _typed_elsewhere(dice: random.Random) -> oip.ModelInferRequest:
    asked = request("FP32", [3])
    asked.inputs[0].contents.int_contents.extend([1, 2, 3])
    return asked


def _typed_too_few(dice: random.Random) -> oip.ModelInferRequest:
    asked = request("INT64", [dice.randrange(4, 1 << 40)])
    asked.inputs[0].contents.int64_contents.extend([1, 2, 3])
    return asked


def _no_text(dice: random.Random) -> bytes:
    tensor = field(1, b"\xff" + dice.randbytes(2)) + field(2, b"INT8")
    return field(1, b"m") + field(5, tensor)


def _deep(dice: random.Random) -> bytes:
    deep = dice.randrange(200, 2000)
    return field(1, b"m") + b"\x4b" * deep + b"\x4c" * deep


def _noise(dice: random.Random) -> bytes:
    return b"\xff" + dice.randbytes(dice.randrange(200))


def _cut(dice: random.Random) -> bytes:
    raw = request("FP32", [1000], dice.randbytes(4000)).SerializeToString()
    return raw[: dice.randrange(len(raw) - 4000, len(raw))]


def _claims(dice: random.Random) -> bytes:
    claimed = bytes((0x3A, 0xFF, 0xFF, 0xFF, 0xFF, dice.choice([7, 15])))
    return b"\x0a\x01m" + claimed + b"a"


MALFORMED: dict[str, tuple[Make, str]] = {
    "too few bytes": (
        _bytes(lambda dice: request("FP32", [dice.randrange(2, 9)], dice.randbytes(7))),
        "input 'x': shape .* and 7 are given",
    ),
    "too many bytes": (
        _bytes(lambda dice: request("FP32", [1, 2], dice.randbytes(dice.randrange(9, 99_999)))),
        "input 'x': shape .* takes 8 bytes",
    ),
    "a large tensor that is one byte short": (
        _bytes(lambda dice: request("INT8", [70_000], bytes(69_999))),
        "input 'x': shape .* takes 70,000 bytes",
    ),
    "a negative dimension": (
        _bytes(lambda dice: request("FP32", [2, -dice.randrange(1, 1 << 63)], bytes(8))),
        "input 'x': shape .* negative dimension",
    ),
    "a product that overflows": (
        _bytes(lambda dice: request("FP64", [1 << dice.randrange(32, 62)] * 2, bytes(8))),
        "input 'x': shape .* more than can be",
    ),
    "a product that is 0 when it has overflowed": (
        _bytes(lambda dice: request("INT8", [1 << 32, 1 << 32], b"")),
        "input 'x': shape .* more than can be",
    ),
    "a product of one dimension that is 0": (
        _bytes(lambda dice: request("INT8", [0, 1 << 62, 1 << 62], b"")),
        "input 'x': shape .* more than can be",
    ),
    "more dimensions than there are": (
        _bytes(lambda dice: request("INT8", [1] * dice.randrange(65, 5000), b"a")),
        "input 'x': its shape has",
    ),
    "2 GiB in few bytes": (
        _bytes(lambda dice: request("INT8", [(1 << 31) - 1], b"a")),
        "input 'x': shape .* takes 2,147,483,647 bytes",
    ),
    "2 GiB that are not there": (_claims, NO_REQUEST),
    "an unknown datatype": (
        _bytes(lambda dice: request("FP" + str(dice.randrange(100, 999)), [1], bytes(4))),
        "input 'x': datatype 'FP.*' is none of",
    ),
    "a datatype that goes on and on": (
        _bytes(lambda dice: request("F" * 100_000, [1], bytes(4))),
        "input 'x': datatype 'F",
    ),
    "a name that goes on and on": (
        _bytes(lambda dice: request("INT8", [2], b"a", name="\t" * 100_000)),
        r"input '(\\t)*…': shape",
    ),
    "mixed contents": (_bytes(_mixed), "input 'x': contents and raw_input_contents are mixed"),
    "contents of another datatype": (_bytes(_typed_elsewhere), "input 'x': .* not in int_contents"),
    "fewer typed elements": (_bytes(_typed_too_few), "input 'x': .* and 3 are given"),
    "more raw contents": (
        _bytes(lambda dice: request("INT8", [1], *[b"a"] * dice.randrange(2, 200))),
        "raw_input_contents: .* entries for 1 inputs",
    ),
    "two tensors of a name": (_bytes(_two_of_a_name), "input 'x': there are two"),
    "a string that is longer than all": (
        _bytes(lambda dice: request("BYTES", [1], b"\xff\xff\xff\x7f" + dice.randbytes(6))),
        "input 'x': .* 1 elements of BYTES",
    ),
    "strings that end before their shape": (
        _bytes(lambda dice: request("BYTES", [3], strings(b"one", b"two"))),
        "input 'x': .* 3 elements of BYTES",
    ),
    "more strings than their shape": (
        _bytes(lambda dice: request("BYTES", [1], strings(b"one", b"two"))),
        "input 'x': .* 1 elements of BYTES",
    ),
    "more strings than are looked at": (
        _bytes(lambda dice: request("BYTES", [2 << 20], bytes(64))),
        "input 'x': more than 1,048,576 elements",
    ),
    "a name that is no text": (_no_text, NO_REQUEST),
    "groups in groups": (_deep, NO_REQUEST),
    "noise": (_noise, NO_REQUEST),
    "a request that is cut": (_cut, NO_REQUEST),
}
"""What is wrong, a request of which it is, and a pattern of what is said of it."""
