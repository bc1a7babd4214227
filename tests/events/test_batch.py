"""Batches: which are read, and which event of a bad one is named."""

from __future__ import annotations

import msgspec
import pytest

from catnap.errors import InvalidRequest, PayloadTooLarge
from catnap.events import Event, decode_batch
from catnap.events.decode import is_batch, is_event
from catnap.events.limits import MAX_BATCH_BYTES, MAX_BATCH_EVENTS

BATCHED = {b"content-type": b"Application/CloudEvents-Batch+JSON; charset=UTF-8"}
ENVELOPE = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}


def batch(*envelopes: object) -> list[Event]:
    return decode_batch(BATCHED, msgspec.json.encode(envelopes))


def test_a_batch_is_its_events_in_their_order():
    assert [each.id for each in batch(ENVELOPE, {**ENVELOPE, "id": "2"})] == ["1", "2"]
    assert batch() == []


def test_a_batch_claims_to_be_events():
    assert is_batch(BATCHED)
    assert is_event(BATCHED)
    assert not is_batch({b"content-type": b"application/cloudevents+json"})


@pytest.mark.parametrize(
    ("second", "names"),
    [
        ({**ENVELOPE, "source": ""}, "'source'"),
        ({**ENVELOPE, "specversion": "0.3"}, "'specversion'"),
        ({**ENVELOPE, "x": 1.5}, "'x'"),
        ({}, "'specversion': is missing"),
        ([], "must be one JSON object"),
        (None, "must be one JSON object"),
        ([ENVELOPE], "must be one JSON object"),
    ],
)
def test_an_event_that_is_none_is_named_by_its_index(second, names):
    with pytest.raises(InvalidRequest, match=rf"^event 1 of the batch: .*{names}"):
        batch(ENVELOPE, second, {})


@pytest.mark.parametrize("body", [b"", b"{}", b"[", b"[{}", b"[] []", b"null", b"[,]", b'["\xff"]'])
def test_a_body_that_is_no_array_is_refused(body):
    with pytest.raises(InvalidRequest, match="one JSON array"):
        decode_batch(BATCHED, body)


@pytest.mark.parametrize(
    "content_type",
    [b"application/cloudevents+json", b"application/json", b"application/cloudevents-batch+avro"],
)
def test_another_form_is_named(content_type):
    with pytest.raises(InvalidRequest, match="use application/cloudevents-batch"):
        decode_batch({b"content-type": content_type}, b"[]")


def test_a_batch_of_more_events_than_are_taken_says_how_many_are():
    assert len(batch(*[ENVELOPE] * MAX_BATCH_EVENTS)) == MAX_BATCH_EVENTS
    with pytest.raises(PayloadTooLarge, match="at most 1,000"):
        batch(*[ENVELOPE] * (MAX_BATCH_EVENTS + 1))


def test_a_batch_of_more_bytes_than_are_taken_says_how_many_are():
    assert decode_batch(BATCHED, b"[]".ljust(MAX_BATCH_BYTES)) == []
    with pytest.raises(PayloadTooLarge, match="at most 1,048,576"):
        decode_batch(BATCHED, b"[]".ljust(MAX_BATCH_BYTES + 1))
