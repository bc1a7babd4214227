"""What is read can be written again, in any mode, and is the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from catnap.errors import InvalidRequest
from catnap.events import Event, decode, decode_batch, to_batch, to_binary, to_structured
from tests.events.generated import Message, batches, events, http_messages, mutated, spelled

Written = tuple[list[tuple[bytes, bytes]], bytes]


def read(message: Message | Written) -> Event:
    headers, body = message
    return decode(dict(headers), body)


def read_batch(message: Message | Written) -> list[Event]:
    headers, body = message
    return decode_batch(dict(headers), body)


def again(event: Event) -> None:
    """Writes it in each mode, and reads it."""
    assert read(to_binary(event)) == event
    assert read(to_structured(event)) == event
    assert read_batch(to_batch([event, event])) == [event, event]


@settings(max_examples=100)
@given(spelled())
def test_however_an_event_is_spelled_it_is_read_as_it_was_meant(given_):
    event, message = given_
    assert read(message) == event


@settings(max_examples=100)
@given(batches())
def test_however_a_batch_is_spelled_it_is_read_as_it_was_meant(given_):
    several, message = given_
    assert read_batch(message) == several


@settings(max_examples=100)
@given(events())
def test_an_event_survives_each_mode(event):
    again(event)


@settings(max_examples=100)
@given(events())
def test_header_text_is_printable_ascii_without_space_or_quote(event):
    headers, _ = to_binary(event)
    values = b"".join(value for name, value in headers if name != b"content-type")
    assert all(0x21 <= byte < 0x7F and byte != 0x22 for byte in values)


@settings(max_examples=250)
@given(mutated(http_messages()))
def test_what_is_nearly_an_event_is_refused_or_survives_each_mode(message):
    try:
        event = read(message)
    except InvalidRequest:
        return
    if event.data == b"":
        # Only an envelope tells empty data from none.
        assert read(to_structured(event)) == event
        assert read(to_binary(event)).data is None
    else:
        again(event)


@settings(max_examples=100)
@given(mutated(batches(2).map(lambda given_: given_[1])))
def test_what_is_nearly_a_batch_is_refused_or_survives(message):
    try:
        several = read_batch(message)
    except InvalidRequest:
        return
    assert read_batch(to_batch(several)) == several


@given(st.binary(max_size=200))
def test_bytes_in_place_of_an_envelope_are_refused_or_read(body):
    for kind, reads in ((b"", read), (b"-batch", read_batch)):
        try:
            reads(Message([(b"content-type", b"application/cloudevents%b+json" % kind)], body))
        except InvalidRequest:
            continue


def test_json_without_a_content_type_says_so_when_it_is_written_again():
    body = b'{"specversion":"1.0","id":"1","source":"/","type":"t","data":{"a": 1}}'
    event = decode({b"content-type": b"application/cloudevents+json"}, body)
    headers, data = to_binary(event)
    assert (b"content-type", b"application/json") in headers
    assert data == b'{"a": 1}'


def test_json_that_would_not_be_itself_in_an_envelope_is_kept_as_bytes():
    for data in (b" [1] ", b"null ", b"{", b'"\xff"', b"[" * 100_000):
        again(Event(id="1", source="/", type="t", datacontenttype="application/json", data=data))
