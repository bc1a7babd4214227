"""The many ways in which HTTP may spell an event.

Nothing here uses the codec, so that it can be the codec's judge.
"""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

from hypothesis import strategies as st

from catnap.events import Event

STRUCTURED, BATCHED = b"application/cloudevents+json", b"application/cloudevents-batch+json"
_OPTIONAL = ("subject", "time", "datacontenttype", "dataschema")
_SPACE = st.sampled_from([b"", b" ", b"\r\n\t"])
NAMES = st.text("abcxyz019", min_size=1, max_size=24).filter(
    lambda name: name not in ("specversion", "id", "source", "type", "data", *_OPTIONAL)
)


class Message(NamedTuple):
    """A request or an answer: its headers by lower-case name, and its body."""

    headers: list[tuple[bytes, bytes]]
    body: bytes


@st.composite
def binary(draw: st.DrawFn, event: Event) -> Message:
    """A spelling of an event in the binary mode."""
    headers = [(b"ce-" + name.encode(), draw(_header(value))) for name, value in _context(event)]
    if event.datacontenttype is not None:
        headers.append((b"content-type", event.datacontenttype.encode()))
    headers += draw(st.sampled_from([[], [(b"x-ce-id", b"%")], [(b"traceparent", b"00-1")]]))
    return Message(draw(st.permutations(headers)), event.data or b"")


@st.composite
def structured(draw: st.DrawFn, event: Event) -> Message:
    """A spelling of an event in the structured mode."""
    charset = draw(st.sampled_from([b"", b";charset=utf-8", b'; a=b; Charset="UTF-8"']))
    headers = [(b"content-type", draw(_cased(STRUCTURED)) + charset)]
    # What is mapped into headers as well is not read there.
    headers += draw(st.sampled_from([[], [(b"ce-id", b"another")], [(b"ce-specversion", b"0.3")]]))
    return Message(headers, draw(envelope(event)))


@st.composite
def batch(draw: st.DrawFn, several: list[Event]) -> Message:
    """A spelling of several events as one batch."""
    space = draw(_SPACE)
    body = space.join([b"[", b",".join([draw(envelope(each)) for each in several]), b"]"])
    return Message([(b"content-type", draw(_cased(BATCHED)))], body)


@st.composite
def envelope(draw: st.DrawFn, event: Event) -> bytes:
    """A spelling of an event as a JSON object."""
    members = [(name, draw(_string(value))) for name, value in _context(event)]
    if event.datacontenttype is not None:
        members.append(("datacontenttype", draw(_string(event.datacontenttype))))
    unset = draw(st.lists(NAMES | st.sampled_from(_OPTIONAL), unique=True, max_size=2))
    members += [(name, b"null") for name in unset if event.attribute(name) is None]
    if event.data is None:
        members += draw(st.sampled_from([[], [("data_base64", b"null")]]))
    else:
        members.append(draw(_data_member(event.data, event.datacontenttype or "")))
    space = draw(_SPACE)
    spelled = [
        space.join([b"", draw(_string(name)), b":", value, b""])
        for name, value in draw(st.permutations(members))
    ]
    return b"{" + b",".join(spelled) + b"}"


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _context(event: Event) -> list[tuple[str, str]]:
    """Every attribute but the one that has a header of its own."""
    names = ("specversion", "id", "source", "type", "subject", "time", "dataschema")
    known = [(name, event.attribute(name)) for name in names]
    return [*((n, v) for n, v in known if v is not None), *event.extensions.items()]


@st.composite
def _data_member(draw: st.DrawFn, data: bytes, content_type: str) -> tuple[str, bytes]:
    """Base64, or where it can be that, JSON as it is or text as a string."""
    as_base64 = ("data_base64", b'"%b"' % base64.b64encode(data))
    try:
        if content_type.lower().partition(";")[0].endswith(("/json", "+json")):
            # Python's parser takes more than JSON; what it writes is JSON.
            fits, member = compact(json.loads(data)) == data, data
        else:
            fits, member = bool(content_type), draw(_string(data.decode()))
    except ValueError:
        return as_base64
    return ("data", member) if fits and draw(st.booleans()) else as_base64


@st.composite
def _header(draw: st.DrawFn, value: str) -> bytes:
    """Percent-encoded where it must be, and at times where it need not be; or
    a quoted string, as older versions of the binding have it."""
    quoted = draw(st.booleans())
    escape = draw(st.sampled_from([b"%%%02X", b"%%%02x"]))
    escaped = {*draw(st.sampled_from([b"", value.encode()[:3]])), *(b"%" if quoted else b' "%')}
    out = bytearray()
    for byte in value.encode():
        if byte in escaped or not 0x20 <= byte < 0x7F:
            out += escape % byte
        elif quoted and byte in b'"\\':
            out += bytes((0x5C, byte))
        else:
            out.append(byte)
    return b'"%b"' % out if quoted else bytes(out)


def _string(value: str) -> st.SearchStrategy[bytes]:
    """A JSON string, with escapes or without, or with only escapes."""
    return st.sampled_from(
        [
            json.dumps(value).encode(),
            json.dumps(value, ensure_ascii=False).encode(),
            b'"%b"' % "".join(f"\\u{unit:04x}" for unit in _units(value)).encode(),
        ]
    )


def _units(value: str) -> list[int]:
    raw = value.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


def _cased(media_type: bytes) -> st.SearchStrategy[bytes]:
    return st.sampled_from([media_type, media_type.upper(), media_type.title()])
