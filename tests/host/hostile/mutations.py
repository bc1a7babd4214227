"""Requests that were whole, spoilt at some of their bytes."""

from __future__ import annotations

import random
from collections.abc import Sequence

# What means something to somebody who reads HTTP or JSON.
_MARKS = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b",", b";", b'"', b"%", b"\\",
    b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"0", b"-1", b"{", b"[", b"HTTP/1.1", b"chunked",
    b"0\r\n\r\n", b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n",
)  # fmt: skip
_LINES = (
    b"", b"x", b"x:", b" x: y", b"x : y", b"content-length: 1", b"content-length: 0",
    b"transfer-encoding: chunked", b"transfer-encoding: identity", b"expect: 100-continue",
    b"expect: x", b"connection: close", b"connection: upgrade\r\nupgrade: h2c", b"host: b",
    b"content-type: application/cloudevents+json", b"content-type: text/plain", b"ce-id: 2",
    b"ce-specversion: 1.0", b"ce-data: 1", b"ce-time: now", b"ce-x: %", b"catnap-timeout: x",
    b"traceparent: 00-" + b"0" * 32 + b"-" + b"1" * 16 + b"-01", b"authorization: Bearer x",
)  # fmt: skip
_SIZES = (10, 100, 1000, 9000, 70_000)


def mutate(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """One to three changes, each at a place of its own."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        raw = chance.choice(_CHANGES)(chance, raw, others)
    return raw


def _place(chance: random.Random, raw: bytes) -> int:
    """Heads are looked at more closely than bodies: so they are here."""
    end = raw.find(b"\r\n\r\n") + 4
    return chance.randrange(end if end > 4 and chance.random() < 0.5 else len(raw) + 1)


def _flip(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    at = _place(chance, raw[:-1])
    return raw[:at] + bytes((raw[at] ^ 1 << chance.randrange(8),)) + raw[at + 1 :] if raw else raw


def _replace(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    at = _place(chance, raw)
    return raw[:at] + bytes((chance.randrange(256),)) + raw[at + 1 :]


def _delete(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    at = _place(chance, raw)
    return raw[:at] + raw[at + chance.choice((1, 1, 2, 8, 40)) :]


def _insert(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    at = _place(chance, raw)
    return raw[:at] + chance.choice(_MARKS) + raw[at:]


def _duplicate(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    lines = raw.split(b"\r\n")
    at = chance.randrange(len(lines))
    return b"\r\n".join([*lines[:at], lines[at], *lines[at:]])


def _drop(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    lines = raw.split(b"\r\n")
    del lines[chance.randrange(len(lines))]
    return b"\r\n".join(lines)


def _line(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    head, end, body = raw.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    lines.insert(chance.randint(1, len(lines)), chance.choice(_LINES))
    return b"\r\n".join(lines) + end + body


def _value(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    """Of one field the name, and the value of another."""
    lines = raw.split(b"\r\n")
    at = chance.randrange(len(lines))
    other = chance.choice((*_LINES, *chance.choice(others).split(b"\r\n")))
    lines[at] = lines[at].partition(b":")[0] + b":" + other.partition(b":")[2]
    return b"\r\n".join(lines)


def _splice(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    other = chance.choice(others)
    return raw[: _place(chance, raw)] + other[_place(chance, other) :]


def _truncate(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    return raw[: _place(chance, raw)]


def _oversize(chance: random.Random, raw: bytes, others: Sequence[bytes]) -> bytes:
    at = _place(chance, raw)
    return raw[:at] + raw[at : at + 1] * chance.choice(_SIZES) + raw[at:]


_CHANGES = (
    _flip, _flip, _replace, _delete, _insert, _line, _line, _value, _value, _duplicate, _drop,
    _splice, _truncate, _oversize,
)  # fmt: skip
