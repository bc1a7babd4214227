"""Ranges of bytes, as HTTP asks for them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catnap.errors import InvalidRequest
from catnap.files.spans import WHOLE, Span, parse_range
from catnap.http.errors import RangeNotSatisfiable


@pytest.mark.parametrize(
    ("header", "want"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=5-", Span(5)),
        ("Bytes=5-9", Span(5, 5)),
        ("bytes=-7", Span(-7)),
        *(
            (ignored, WHOLE)
            for ignored in (
                "bytes=-",
                "bytes=9-5",
                "bytes=0-1,5-6",
                "bytes=a-b",
                "bytes=1-2x",
                "bytes=\u0661-",
                "bytes=" + "9" * 40 + "-",
                "items=0-1",
                "",
            )
        ),
    ],
)
def test_a_range_is_read_or_ignored_as_http_wants(header: str, want: Span) -> None:
    assert parse_range(header) == want


def test_the_last_zero_bytes_are_none() -> None:
    with pytest.raises(RangeNotSatisfiable):
        parse_range("bytes=-0").within(10)


@pytest.mark.parametrize(("offset", "length"), [(0, 0), (0, -1), (-1, 1)])
def test_what_is_no_span_is_refused(offset: int, length: int) -> None:
    with pytest.raises(InvalidRequest):
        Span(offset, length)


@given(st.binary(max_size=30), st.integers(-40, 40), st.none() | st.integers(1, 40))
def test_a_span_is_the_slice_that_it_says(data: bytes, offset: int, length: int | None) -> None:
    span = Span(offset, None if offset < 0 else length)
    try:
        start, stop = span.within(len(data))
    except RangeNotSatisfiable:
        assert offset >= max(1, len(data))
        return
    end = None if span.length is None else offset + span.length
    assert data[start:stop] == data[offset:end]
    if span != WHOLE:
        assert parse_range(str(span)) == span
