"""Events of every kind that the codec takes, as values and in the many ways
that HTTP may spell them; and messages that are nearly events.

Nothing here uses the codec, so that it can be the codec's judge.
"""

from __future__ import annotations

import base64
import json
from typing import NamedTuple

from hypothesis import strategies as st

from catnap.events import Event


class Message(NamedTuple):
    """A request or an answer: its headers by lower-case name, and its body."""

    headers: list[tuple[bytes, bytes]]
    body: bytes


STRUCTURED, BATCHED = b"application/cloudevents+json", b"application/cloudevents-batch+json"
NONCHARACTERS = "".join(
    [
        *map(chr, range(0xFDD0, 0xFDF0)),
        *(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)),
    ]
)
_OPTIONAL = ("subject", "time", "datacontenttype", "dataschema")

# What CloudEvents calls a string: no controls, surrogates or noncharacters.
_CHARACTERS = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters=NONCHARACTERS
)
TEXT = st.text('abcXYZ019 -_./:%"\\é日😀', max_size=20) | st.text(_CHARACTERS, max_size=20)
WORDS = TEXT.filter(bool)
NAMES = st.text("abcxyz019", min_size=1, max_size=24).filter(
    lambda name: name not in ("specversion", "id", "source", "type", "data", *_OPTIONAL)
)
_SEGMENT = st.text("aZ0-._~!$&'()*+,;=@", max_size=6) | st.sampled_from(["%20", "a%C3%A9", "a:b"])
_PATH = st.lists(_SEGMENT, max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts))
_AUTHORITY = st.sampled_from(
    ["", "e.com", "u:p@e.com:80", "[::1]:8080", "[1:2::192.0.2.1]", "[v1.a:b]", "%41", "127.0.0.1:"]
)
_QUERY = st.just("") | st.text("ab/?:@=&", max_size=6).map("?".__add__)
_FRAGMENT = st.just("") | st.text("ab/?:@", max_size=6).map("#".__add__)
ABSOLUTE = st.builds("{}{}{}".format, st.sampled_from(["https:", "a+b.c-1:"]), st.one_of(
    st.builds("//{}{}".format, _AUTHORITY, _PATH), st.sampled_from(["", "a/b:c", "uuid:6e8bc430"])
), _QUERY)  # fmt: skip
REFERENCE = st.one_of(
    st.builds("{}{}".format, ABSOLUTE, _FRAGMENT),
    st.builds("/a{}{}{}".format, _PATH, _QUERY, _FRAGMENT),
    st.builds("//{}{}{}".format, _AUTHORITY, _PATH, _QUERY),
    st.sampled_from(["/", "a", "../b", "?", "#", "a/b:c", "."]),
)
_OFFSET = st.sampled_from(["Z", "z", "+00:00", "-00:00", "+05:30", "-23:59"])
_FRACTION = st.just("") | st.text("0123456789", min_size=1, max_size=12).map(".".__add__)
TIME = st.builds(
    lambda moment, t, fraction, offset: f"{moment:%Y-%m-%d}{t}{moment:%H:%M:%S}{fraction}{offset}",
    st.datetimes().filter(lambda moment: moment.year > 999),  # %Y does not pad
    st.sampled_from("Tt"),
    _FRACTION,
    _OFFSET,
) | st.sampled_from(["1998-12-31T23:59:60Z", "1990-12-31T15:59:60.1-08:00", "0000-02-29T00:00:00Z"])
JSON_TYPES = st.sampled_from(["application/json", "text/json", "Application/X+JSON; v=1"])
OTHER_TYPES = st.sampled_from(
    ["text/plain", "text/plain;charset=UTF-8", "image/png", 'a/b ; c="d \\" ;e" ; f=g;', "x/!#$&^_"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
JSON_BYTES = JSON.map(lambda value: _compact(value))
_BYTES = st.binary(min_size=1, max_size=60)
DATA = st.one_of(
    st.tuples(st.none(), st.none()),
    st.tuples(JSON_TYPES, st.none() | JSON_BYTES | _BYTES),
    st.tuples(st.none() | OTHER_TYPES, _BYTES),
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    """An event that every mode can carry: with data or without, never with
    empty data, which is the same as none in the binary mode."""
    content_type, data = draw(DATA)
    return Event(
        id=draw(WORDS),
        source=draw(REFERENCE),
        type=draw(WORDS),
        subject=draw(st.none() | WORDS),
        time=draw(st.none() | TIME),
        datacontenttype=content_type,
        dataschema=draw(st.none() | ABSOLUTE),
        extensions=draw(st.dictionaries(NAMES, TEXT, max_size=4)),
        data=data,
    )


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
    elif _is_json_document(event) and draw(st.booleans()):
        members.append(("data", event.data))
    else:
        members.append(("data_base64", b'"%b"' % base64.b64encode(event.data)))
    space = draw(_SPACE)
    spelled = [
        space.join([b"", draw(_string(name)), b":", value, b""])
        for name, value in draw(st.permutations(members))
    ]
    return b"{" + b",".join(spelled) + b"}"


def spelled() -> st.SearchStrategy[tuple[Event, Message]]:
    """An event, and one message that says just that."""
    return events().flatmap(
        lambda event: st.tuples(st.just(event), binary(event) | structured(event))
    )


def http_messages() -> st.SearchStrategy[Message]:
    """Messages that are one event each, in the binary or the structured mode."""
    return spelled().map(lambda pair: pair[1])


def batches(max_size: int = 4) -> st.SearchStrategy[tuple[list[Event], Message]]:
    """Several events or none, and one message that says just them."""
    return st.lists(events(), max_size=max_size).flatmap(
        lambda several: st.tuples(st.just(several), batch(several))
    )


@st.composite
def mutated(draw: st.DrawFn, messages: st.SearchStrategy[Message]) -> Message:
    """A message with some bytes, headers or their order changed. HTTP can
    still carry it: no header holds a line break or NUL, and each name is a token."""
    headers, body = draw(messages)
    headers = list(headers)
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["body", "value", "name", "drop", "twice"]))
        if kind == "body" or not headers:
            body = draw(_edited(body))
            continue
        at = draw(st.integers(0, len(headers) - 1))
        name, value = headers.pop(at)
        if kind == "value":
            headers.insert(at, (name, draw(_edited(value)).translate(None, b"\r\n\0")))
        elif kind == "name":
            token = draw(_edited(name)).lower().translate(_TOKEN, _NO_TOKEN)
            headers.insert(at, (token or b"ce-", value))
        elif kind == "twice":
            headers += [(name, value), (name, draw(st.sampled_from([value, b"1.0", b""])))]
    return Message(headers, body)


_PIECES = st.binary(max_size=3) | st.sampled_from(
    [
        *(b"%", b"%c0%af", b"%ed%a0%80", b"%00", b'"', b"\\", b"\xc3\xa9", b"\xff", b" ", b"\t"),
        *(b"{", b"}", b"[" * 2000, b",", b":", b"null", b"NaN", b"1e2", b"2147483648"),
        *(b'"id":"2",', b'"\\u0069d":"2",', b'"data":1,', b'"data_base64":"",'),
        *(b"\\ud800", b"0" * 5000, b"\xef\xbb\xbf"),
    ]
)
_TOKEN = bytes(range(256))
_NO_TOKEN = bytes(set(range(256)) - set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"))


@st.composite
def _edited(draw: st.DrawFn, raw: bytes) -> bytes:
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(raw))] * 2)))
    middle = draw(st.sampled_from([b"", raw[start:end] * 2]) | _PIECES)
    return raw[:start] + middle + raw[end:]


def _context(event: Event) -> list[tuple[str, str]]:
    """Every attribute but the one that has a header of its own."""
    names = ("specversion", "id", "source", "type", "subject", "time", "dataschema")
    known = [(name, event.attribute(name)) for name in names]
    return [*((n, v) for n, v in known if v is not None), *event.extensions.items()]


def _is_json_document(event: Event) -> bool:
    """Whether its data can stand in an envelope as it is."""
    content_type = (event.datacontenttype or "").partition(";")[0].lower()
    if not content_type.endswith(("/json", "+json")):
        return False
    try:
        # Python's parser takes more than JSON; what it writes is JSON.
        return _compact(json.loads(event.data or b"")) == event.data
    except ValueError:
        return False


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


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


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


_SPACE = st.sampled_from([b"", b" ", b"\r\n\t"])
