"""Requests as the bytes of the wire, and what a typed skill must answer them.

The skill takes `{"text": str, "numbers": [int]}` and gives the same back.
Nothing here uses our own encoders: they are what is tested.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from tests.events.generated import JSON_TYPES, binary, events, structured

SKILL = """
import msgspec
from catnap import Context, skill

class Asked(msgspec.Struct):
    text: str
    numbers: list[int]

@skill
async def answer(ctx: Context, asked: Asked) -> Asked:
    return asked
"""


@dataclass(frozen=True, slots=True)
class Message:
    """A request. `answer` is the payload that must come back, where `status`
    is 200; `closes`: nothing after it on its connection is answered."""

    raw: bytes
    status: int = 200
    answer: Any = None
    closes: bool = False


Fields = list[tuple[bytes, bytes]]

PAYLOADS = st.fixed_dictionaries(
    {
        "text": st.text(st.characters(codec="utf-8"), max_size=40),
        "numbers": st.lists(st.integers(-(2**53), 2**53), max_size=5),
    }
)
NAMES = st.text("abcxyz019", min_size=1, max_size=12)
SPACE = st.sampled_from([b"", b" ", b" ", b" ", b"\t", b" \t "])
TARGETS = st.sampled_from(
    [b"/", b"/", b"/a/b?c=d&e=%20", b"/?a[]=1|2", b"//x/../y", b"http://example.com/x?y", b"/*"]
)
HOSTS = st.sampled_from([b"a", b"127.0.0.1:8080", b"[::1]:80", b"echo.default.svc", b"", b"%41"])
VALUES = st.lists(st.integers(0x20, 0x7E) | st.integers(0x80, 0xFF) | st.just(9), max_size=20).map(
    bytes
)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    kind = draw(st.sampled_from(["plain", "event", "event", "event", "any event", "refused"]))
    if kind == "refused":
        return draw(_refused())
    if kind == "any event":
        any_event = draw(events())
        fields, body = draw(binary(any_event) | structured(any_event))
        other = any_event.data and any_event.datacontenttype and any_event.datacontenttype.lower()
        is_json = not other or other.partition(";")[0].endswith("json")
        return _message(draw, b"POST", fields, body, status=400 if is_json else 415)
    payload = draw(PAYLOADS)
    body = json.dumps(payload, ensure_ascii=draw(st.booleans())).encode()
    content_type = draw(st.none() | JSON_TYPES)
    if kind == "event":
        event = replace(draw(events()), datacontenttype=content_type, data=body)
        fields, body = draw(binary(event) | structured(event))
    else:
        fields = [(b"content-type", content_type.encode())] if content_type else []
    return _message(draw, b"POST", fields, body, answer=payload)


@st.composite
def _refused(draw: st.DrawFn) -> Message:
    """Well-formed HTTP that asks for what is not to be had."""
    method, status, fields, body = draw(
        st.sampled_from(
            [
                (b"GET", 405, [], b""),
                (b"HEAD", 405, [], b""),
                (b"DELETE", 405, [], b""),
                (b"OPTIONS", 405, [], b""),
                (b"POST", 400, [], b'{"text": 1, "numbers": []}'),
                (b"POST", 400, [], b'{"text": "", "numbers": ['),
                (b"POST", 400, [], b'{"text": "\xff", "numbers": []}'),
                (b"POST", 400, [], b"[" * 5000),
                (b"POST", 400, [(b"ce-id", b"1")], b"{}"),
                (b"POST", 400, [(b"ce-specversion", b"0.3")], b"{}"),
                (b"POST", 400, [(b"content-type", b"application/cloudevents+json")], b"[]"),
                (b"POST", 400, [(b"content-type", b"application/cloudevents+xml")], b"<a/>"),
                (b"POST", 400, [(b"catnap-timeout", b"soon")], b"{}"),
                (b"POST", 415, [(b"content-type", b"text/plain")], b"text"),
            ]
        )
    )
    return _message(draw, method, fields, body, status=status)


def _message(
    draw: st.DrawFn,
    method: bytes,
    fields: Fields,
    body: bytes,
    *,
    status: int = 200,
    answer: Any = None,
) -> Message:
    old = draw(st.integers(0, 9)) == 0
    connection = b"keep-alive" if old else draw(CONNECTIONS)
    wire: Fields = [(b"host", draw(HOSTS)), *fields]
    wire += [
        (b"x-" + n.encode(), value)
        for n, value in draw(st.dictionaries(NAMES, VALUES, max_size=2)).items()
    ]
    if connection:
        wire.append((b"connection", connection))
    sent = b""
    if not old and draw(st.booleans()):
        wire.append((b"transfer-encoding", draw(st.sampled_from([b"chunked", b"Chunked"]))))
        sent = draw(_chunked(body))
    elif body or draw(st.booleans()):
        wire.append((b"content-length", b"%d" % len(body)))
        sent = body
    if sent and not old and draw(st.integers(0, 9)) == 0:
        wire.append((b"expect", b"100-continue"))
    lines = [_line(draw, name, value) for name, value in draw(st.permutations(wire))]
    first = b"%b %b HTTP/1.%d\r\n" % (method, draw(TARGETS), not old)
    raw = b"".join([first, *lines, b"\r\n", sent])
    return Message(raw, status, answer, closes=connection == b"close")


CONNECTIONS = st.sampled_from([b"", b"", b"", b"", b"keep-alive", b"Keep-Alive, x", b"close"])


def _line(draw: st.DrawFn, name: bytes, value: bytes) -> bytes:
    name = draw(st.sampled_from([name, name.title(), name.upper()]))
    # llhttp takes no tab after a coding.
    after = draw(SPACE) if name.lower() != b"transfer-encoding" else b""
    return b"%b:%b%b%b\r\n" % (name, draw(SPACE), value, after)


@st.composite
def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
    parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if a < b]
    extensions = st.sampled_from([b"", b"", b"", b";a", b";a=b", b';a="b c"'])
    sizes = st.sampled_from([b"%x", b"%X", b"0%x"])
    chunks = [
        draw(sizes) % len(part) + draw(extensions) + b"\r\n" + part + b"\r\n" for part in parts
    ]
    trailer = draw(st.sampled_from([b"", b"", b"x-trailer: 1\r\n", b"host: other\r\n"]))
    return b"".join([*chunks, b"0\r\n", trailer, b"\r\n"])
