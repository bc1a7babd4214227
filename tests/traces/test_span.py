"""A request is a span of its caller's trace, as its caller wants it kept."""

from __future__ import annotations

import itertools

import pytest

from catnap.events.traceparent import parse
from catnap.traces.span import UNTRACED, Event, Passed, Span, Spans

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
KEPT, NOT_KEPT = f"00-{TRACE}-{CALLER}-01", f"00-{TRACE}-{CALLER}-00"


def spans(kept: list[Span]) -> Spans:
    numbers, moments = itertools.count(1), itertools.count(100)
    return Spans(kept.append, lambda: next(moments), lambda size: f"{next(numbers):0{size * 2}x}")


def test_it_is_within_its_callers_span_and_others_are_within_it() -> None:
    kept = list[Span]()
    tracer = spans(kept)
    outer = tracer.begin("call", "server", KEPT)
    inner = tracer.begin("model", "client", outer.traceparent)
    assert kept == []
    inner.end()
    outer.end()
    assert [(each.trace, each.parent) for each in kept] == [
        (TRACE, kept[1].id),
        (TRACE, CALLER),
    ]
    assert parse(inner.traceparent) == (TRACE, kept[0].id)


def test_it_has_what_happened_and_how_it_ended() -> None:
    kept = list[Span]()
    span = spans(kept).begin("model", "client", KEPT)
    span.event("sent", server="a:1")
    span.end("Unavailable", tenant="acme")
    [found] = kept
    assert (found.began, found.ended, found.error) == (100, 102, "Unavailable")
    assert found.events == [Event("sent", 101, {"server": "a:1"})]
    assert found.attributes == {"tenant": "acme"}


@pytest.mark.parametrize("parent", ["", "nonsense", f"00-{'0' * 32}-{CALLER}-01"])
def test_what_nobody_has_begun_to_trace_begins_a_trace(parent: str) -> None:
    kept = list[Span]()
    spans(kept).begin("call", "server", parent).end()
    assert kept[0].parent == ""
    assert kept[0].trace != TRACE


def test_what_its_caller_does_not_keep_goes_on_as_it_came() -> None:
    kept = list[Span]()
    begun = spans(kept).begin("call", "server", NOT_KEPT)
    begun.end()
    assert (kept, begun) == ([], Passed(NOT_KEPT))


@pytest.mark.parametrize(
    ("parent", "passed"), [(KEPT, KEPT), (NOT_KEPT, NOT_KEPT), ("", ""), (f"{KEPT}\r\nx: y", "")]
)
def test_without_traces_a_valid_traceparent_goes_on_and_nothing_else(
    parent: str, passed: str
) -> None:
    assert UNTRACED.begin("call", "server", parent).traceparent == passed
