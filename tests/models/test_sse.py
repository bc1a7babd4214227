"""Server-sent events are read however they are cut."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.errors import PayloadTooLarge
from catnap.models.sse import Events, event

STREAM = (
    b"\xef\xbb\xbfdata: one\n\n"
    b": a comment\r\n"
    b"event: delta\r\ndata:two\r\nid: 7\r\n\r\n"
    b"data: first line\rdata: second line\r\r"
    b"event: without data\n\n"
    b"data\n\n"
    b"data:  a space of its own\n\n"
    b"data: never ended\n"
)
DATA = [b"one", b"two", b"first line\nsecond line", b"", b" a space of its own"]


@given(st.lists(st.integers(0, len(STREAM)), max_size=30))
def test_a_stream_says_the_same_wherever_it_is_cut(places: list[int]) -> None:
    cuts = [0, *sorted(places), len(STREAM)]
    events, found = Events(), []
    for start, end in itertools.pairwise(cuts):
        found += events.feed(STREAM[start:end])
    assert found == DATA


@given(st.lists(st.binary().filter(lambda data: not {10, 13} & set(data))))
def test_what_is_written_is_what_is_read(data: list[bytes]) -> None:
    assert list(Events().feed(b"".join(map(event, data)))) == data


def test_an_event_without_an_end_is_refused_before_it_fills_the_memory() -> None:
    events = Events(longest=1000)
    for piece in (b"data: " + bytes(900), b"\ndata: "):
        assert list(events.feed(piece)) == []
    with pytest.raises(PayloadTooLarge):
        list(events.feed(bytes(200)))


def test_a_line_that_comes_in_many_pieces_is_searched_once() -> None:
    events = Events()
    for _ in range(20_000):
        assert list(events.feed(b"data: xxxxxxxxxx")) == []
    assert len(list(events.feed(b"\n\n"))) == 1


def test_data_of_several_lines_stays_one_event() -> None:
    written = event(b'{"a":\r\n1,\n"b": 2}')
    assert list(Events().feed(written)) == [b'{"a":\n1,\n"b": 2}']
