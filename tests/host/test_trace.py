"""Which trace a call says that it is part of."""

import pytest

from catnap.events import Event
from catnap.events.traceparent import parse
from catnap.host.trace import read_traceparent
from catnap.http import Request

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
OTHER = PARENT.replace("0af", "fff")


@pytest.mark.parametrize("text", [PARENT, f"01-{TRACE}-{SPAN}-00", f"cc-{TRACE}-{SPAN}-09-more"])
def test_a_traceparent_says_trace_and_span(text):
    assert parse(text) == (TRACE, SPAN)


@pytest.mark.parametrize(
    "text",
    [
        "",
        PARENT.upper(),
        PARENT[:-1],
        f"{PARENT}-more",
        f"{PARENT}0",
        f" {PARENT}",
        f"{PARENT}\n",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"01-{TRACE}-{SPAN}-00more",
    ],
)
def test_one_that_breaks_a_rule_says_nothing(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    ("extension", "header", "read"),
    [
        (PARENT, None, PARENT),
        (None, PARENT, PARENT),
        (PARENT, OTHER, PARENT),
        ("nonsense", OTHER, OTHER),
        ("nonsense", "nonsense", ""),
        (None, "\xff", ""),
        (None, None, ""),
    ],
)
def test_the_event_s_own_goes_before_that_of_the_request(extension, header, read):
    event = Event(id="1", source="/a", type="b").extended(traceparent=extension)
    headers = {} if header is None else {b"traceparent": header.encode("latin-1")}
    assert read_traceparent(Request("POST", "/", headers), event) == read
