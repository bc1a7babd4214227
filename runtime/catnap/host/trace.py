"""Which trace a call is part of. Source: W3C Trace Context, section 3.2."""

from __future__ import annotations

import re

from catnap.events import Event
from catnap.http import Request

_PARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})"
    r"-(?P<span>(?!0{16})[0-9a-f]{16})-[0-9a-f]{2}(?P<more>-.*)?\Z"
)


def read_traceparent(request: Request, event: Event) -> str:
    """The event's `traceparent`, which says where it comes from, or else the
    request's, which any proxy on the way may have set. Empty where neither
    is one: a trace that cannot be read is begun anew and is nobody's error."""
    for stated in (event.extensions.get("traceparent"), request.headers.get(b"traceparent")):
        if stated:
            text = stated if isinstance(stated, str) else stated.decode("latin-1")
            if parse(text):
                return text
    return ""


def parse(traceparent: str) -> tuple[str, str] | None:
    """The ids of its trace and of the caller's span, in hex; None where it is
    not valid. Versions to come may say more at its end."""
    found = _PARENT.match(traceparent)
    if found is None or (found["version"] == "00" and found["more"]):
        return None
    return found["trace"], found["span"]
