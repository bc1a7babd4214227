"""Who wants an event for an answer, or nothing.

A Knative Broker says `Prefer: reply` with each event, and takes any other
body for a failure, after which it would send the event again. Source: Knative
Eventing's data plane, derived reply events.
"""

from __future__ import annotations

from catnap.events.decode import is_event
from catnap.http import Request


def only_events(request: Request) -> bool:
    """Whether an event came that only an event may be the answer to."""
    wishes = request.headers.get(b"prefer")
    if wishes is None or not is_event(request.headers):
        return False
    return any(wish.strip() == b"reply" for wish in wishes.lower().split(b","))
