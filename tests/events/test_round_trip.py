"""What was read can be written again, in either mode, and is the same."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from catnap.events import Event, decode, to_binary, to_structured

TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cn", "Cs")), min_size=1, max_size=20
)
NAMES = st.text("abcxyz019", min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
DATA = st.one_of(
    st.tuples(st.none(), st.none()),
    st.tuples(st.none(), st.binary(min_size=1, max_size=60)),
    st.tuples(st.just("application/octet-stream"), st.binary(min_size=1, max_size=60)),
    st.tuples(st.sampled_from(["text/plain; charset=utf-8", "image/png"]), st.binary(min_size=1)),
    st.tuples(
        st.sampled_from(["application/json", "text/json", "application/x+json;v=1"]),
        st.binary(min_size=1, max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
    ),
)


@st.composite
def events(draw: st.DrawFn) -> Event:
    content_type, data = draw(DATA)
    return Event(
        id=draw(TEXT),
        source=draw(st.sampled_from(["/", "a", "https://example.com/a%20b?c=d#e", "urn:x:y"])),
        type=draw(TEXT),
        subject=draw(st.none() | TEXT),
        time=draw(st.none() | st.datetimes().map(_rfc3339)),
        dataschema=draw(st.none() | st.just("https://example.com/schema")),
        datacontenttype=content_type,
        extensions=draw(st.dictionaries(NAMES, st.just("") | TEXT, max_size=4)),
        data=data,
    )


def _rfc3339(moment) -> str:
    return f"{moment.isoformat()}Z"


def read(message: tuple[list[tuple[bytes, bytes]], bytes]) -> Event:
    headers, body = message
    assert all(0x20 <= byte < 0x7F for _, value in headers for byte in value)
    return decode(dict(headers), body)


@settings(max_examples=60)
@given(events())
def test_an_event_survives_the_binary_mode(event):
    assert read(to_binary(event)) == event


@settings(max_examples=60)
@given(events())
def test_an_event_survives_the_structured_mode(event):
    again = read(to_structured(event))
    assert again.data == event.data
    assert again == event


@settings(max_examples=40)
@given(events())
def test_one_mode_can_be_turned_into_the_other(event):
    assert read(to_binary(read(to_structured(event)))) == event


def test_json_without_a_content_type_says_so_when_it_is_written_again():
    body = b'{"specversion":"1.0","id":"1","source":"/","type":"t","data":{"a": 1}}'
    event = decode({b"content-type": b"application/cloudevents+json"}, body)
    headers, data = to_binary(event)
    assert (b"content-type", b"application/json") in headers
    assert data == b'{"a": 1}'


def test_white_space_around_json_is_all_that_the_structured_mode_may_lose():
    event = Event(id="1", source="/", type="t", datacontenttype="application/json", data=b" [1] ")
    assert read(to_structured(event)).data == b"[1]"


def test_data_that_is_null_is_not_lost():
    event = Event(id="1", source="/", type="t", datacontenttype="application/json", data=b"null")
    assert read(to_structured(event)).data == b"null"


def test_data_that_only_claims_to_be_json_is_kept_as_it_is():
    for data in (b"{", b'"\xff"', b"[" * 100_000):
        event = Event(id="1", source="/", type="t", datacontenttype="application/json", data=data)
        assert read(to_structured(event)).data == data
