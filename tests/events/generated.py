"""Events of every kind that the codec takes, and messages that are events,
batches, or nearly one of them."""

from __future__ import annotations

from hypothesis import strategies as st

from catnap.events import Event
from tests.events.spellings import NAMES, Message, batch, binary, compact, structured

NONCHARACTERS = "".join(
    [
        *map(chr, range(0xFDD0, 0xFDF0)),
        *(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)),
    ]
)

# What CloudEvents calls a string: no controls, surrogates or noncharacters.
_CHARACTERS = st.characters(
    codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters=NONCHARACTERS
)
TEXT = st.text('abcXYZ019 -_./:%"\\é日😀', max_size=20) | st.text(_CHARACTERS, max_size=20)
WORDS = TEXT.filter(bool)
_SEGMENT = st.text("aZ0-._~!$&'()*+,;=@", max_size=6) | st.sampled_from(["%20", "a%C3%A9", "a:b"])
_PATH = st.lists(_SEGMENT, max_size=3).map(lambda parts: "".join(f"/{part}" for part in parts))
_AUTHORITY = st.sampled_from(
    ["", "e.com", "u:p@e.com:80", "[::1]:8080", "[1:2::192.0.2.1]", "[v1.a:b]", "%41", "127.0.0.1:"]
)
_QUERY = st.just("") | st.text("ab/?:@=&", max_size=6).map("?".__add__)
_FRAGMENT = st.just("") | st.text("ab/?:@", max_size=6).map("#".__add__)
_ROOTLESS = st.sampled_from(["", "a/b:c", "uuid:6e8bc430"])
ABSOLUTE = st.builds(
    "{}{}{}".format,
    st.sampled_from(["https:", "a+b.c-1:"]),
    st.builds("//{}{}".format, _AUTHORITY, _PATH) | _ROOTLESS,
    _QUERY,
)
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
JSON_BYTES = JSON.map(compact)
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
            token = draw(_edited(name)).lower().translate(None, _NO_TOKEN)
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
_NO_TOKEN = bytes(set(range(256)) - set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"))


@st.composite
def _edited(draw: st.DrawFn, raw: bytes) -> bytes:
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(raw))] * 2)))
    middle = draw(st.sampled_from([b"", raw[start:end] * 2]) | _PIECES)
    return raw[:start] + middle + raw[end:]
