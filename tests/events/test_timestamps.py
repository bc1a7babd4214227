"""Which strings are timestamps."""

from __future__ import annotations

import pytest

from catnap.events.timestamps import is_timestamp, to_seconds


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T13:20:39Z",
        "2026-11-21t13:20:39.000000000001z",
        "2026-11-21T13:20:39-00:00",
        "0000-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2024-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z",
        "1990-12-31T23:59:60Z",
        "1990-12-31T15:59:60.5-08:00",
        "1991-01-01T05:29:60+05:30",
    ],
)
def test_a_timestamp_keeps_the_grammar_and_the_calendar(text):
    assert is_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-11-21", "2026-11-21T13:20:39", "2026-11-21T13:20Z", "20261121T132039Z"),
        *("2026-11-21 13:20:39Z", "2026-11-21T13:20:39,5Z", "2026-11-21T13:20:39.Z"),
        *("2026-11-21T13:20:39+0100", "2026-11-21T13:20:39+01", "2026-11-21T13:20:39+24:00"),
        *("2026-11-21T13:20:39+01:60", "2026-11-21T13:20:39Z ", "2026-11-21T13:20:39Z\n"),
        *("+2026-11-21T13:20:39Z", "12026-11-21T13:20:39Z", "2026-1-1T1:1:1Z", "2026-W01-1T00:00Z"),
        *("2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z"),
        *("2026-01-32T00:00:00Z", "2026-04-31T00:00:00Z", "2026-02-29T00:00:00Z"),
        *("1900-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z"),
        *("2026-01-01T00:00:61Z", "1990-12-31T12:00:60Z", "1990-12-31T23:59:60+01:00"),
        *("٢٠٢٦-01-01T00:00:00Z", "2026-01-01T00:00:00\u2212" + "01:00"),
    ],
)
def test_what_breaks_the_grammar_or_the_calendar_is_no_timestamp(text):
    assert not is_timestamp(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01t00:00:01.5z", 1.5),
        ("1970-01-01T01:00:00.000000000001+01:00", 0),
        ("1990-12-31T23:59:60Z", 662688000),
        ("1990-12-31T15:59:60.5-08:00", 662688000.5),
        ("0001-01-01T00:00:00+23:59", -62135596800 - 86340),
        ("9999-12-31T23:59:59-23:59", 253402300799 + 86340),
    ],
)
def test_a_timestamp_is_a_time_and_its_leap_second_the_one_after(text, seconds):
    assert to_seconds(text) == seconds


@pytest.mark.parametrize("text", ["2026-W01-1T00:00Z", "2026-11-21T13:20:39", "now"])
def test_what_is_no_timestamp_is_no_time(text):
    with pytest.raises(ValueError, match="RFC 3339"):
        to_seconds(text)
