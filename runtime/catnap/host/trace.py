"""Which trace a call is part of."""

from __future__ import annotations

from catnap.events import Event
from catnap.events.traceparent import parse
from catnap.http import Request


def read_traceparent(request: Request, event: Event) -> str:
    """The event's `traceparent`, which says where it comes from, or else the
    request's, which any proxy on the way may have set. Empty where neither
    is one: a trace that cannot be read is begun anew and is nobody's error."""
    stated = event.extensions.get("traceparent")
    if stated and parse(stated):
        return stated
    header = request.headers.get(b"traceparent")
    if header is None:
        return ""
    text = header.decode("latin-1")
    return text if parse(text) else ""
