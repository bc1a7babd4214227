"""The form that a client wants, of those there are."""

import pytest

from catnap.host.accept import choose

LINES, EVENTS, ARRAY = OFFERS = ("application/x-ndjson", "text/event-stream", "application/json")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", LINES),
        ("*/*", LINES),
        ("application/*", LINES),
        ("text/*", EVENTS),
        ("text/event-stream", EVENTS),
        ("Text/Event-Stream; charset=utf-8", EVENTS),
        ("application/json", ARRAY),
        ("application/json, text/event-stream", EVENTS),
        ("application/json, text/plain, */*", ARRAY),
        ("*/*, text/event-stream", EVENTS),
        ("text/event-stream;q=0.4, application/json;q=0.5", ARRAY),
        ("text/event-stream ; q=0.9, */*;q=0.1", EVENTS),
        ("application/json;q=0.2, */*;q=0.3", LINES),
        ("application/x-ndjson;q=0, */*", EVENTS),
        ("application/*;q=0, application/json, text/*;q=0.1", ARRAY),
    ],
)
def test_the_one_with_the_highest_weight_is_chosen(accept, chosen):
    assert choose(accept, OFFERS) == chosen


@pytest.mark.parametrize("accept", ["image/png", "*/*;q=0", "text/event-stream;q=0.000", "image/*"])
def test_where_none_is_acceptable_it_is_the_first(accept):
    assert choose(accept, OFFERS) == LINES


@pytest.mark.parametrize(
    "accept",
    [
        "nonsense",
        ",,;",
        "text/",
        "a/b/c",
        "text/event stream",
        "text/event-stream;q=x",
        "text/*;q=9",
    ],
)
def test_what_is_no_media_range_says_nothing(accept):
    assert choose(accept, OFFERS) == LINES
    assert choose(f"{accept}, application/json", OFFERS) == ARRAY
