"""Which trace a call is part of. Source: W3C Trace Context, section 3.2."""

from __future__ import annotations

from catnap.events import Event
from catnap.http import Request

_HEX = frozenset("0123456789abcdef")


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


def parse(traceparent: str) -> tuple[str, str] | None:
    """The ids of its trace and of the caller's span, in hex; None where it is
    not valid. Versions to come may say more at its end."""
    version, *ids = traceparent.split("-", 4)
    if len(ids) < 3 or version == "ff" or (version == "00" and len(ids) > 3):
        return None
    trace, span, flags = ids[:3]
    if (len(version), len(trace), len(span), len(flags)) != (2, 32, 16, 2):
        return None
    if not _HEX.issuperset(version + trace + span + flags):
        return None
    return (trace, span) if trace.strip("0") and span.strip("0") else None
