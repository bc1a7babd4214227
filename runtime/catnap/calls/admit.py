"""May this call be made at all, and is there room for it?"""

from __future__ import annotations

from catnap.access import Resource, require
from catnap.calls.call import Call
from catnap.errors import DeadlineExceeded, InvalidRequest
from catnap.events.header_text import check_size
from catnap.events.ids import check_id
from catnap.http.message import MAX_BODY, too_large
from catnap.services.catalog import Deployed

MAX_DEPTH = 16


def admit(call: Call, deployed: Deployed, now: float) -> None:
    """Raises the error that says why not."""
    resource = Resource(call.tenant, call.user, call.skill, deployed.manifest.access.roles)
    require(call.principal, "skills.call", resource)
    if call.event.data and len(call.event.data) > MAX_BODY:
        raise too_large(len(call.event.data), MAX_BODY)
    check_size(call.event)
    for name, value in (
        ("user", call.user),
        ("session", call.session),
        ("idempotency key", call.key),
    ):
        if value:
            check_id(name, value)
    if call.depth > MAX_DEPTH:
        # Ends what goes round in circles: a skill that calls itself, or sends
        # the event that it is called by.
        raise InvalidRequest(
            f"skills called one another {MAX_DEPTH} deep, the last was {call.skill!r}: "
            "does one of them call itself?"
        )
    if call.deadline is not None and call.deadline <= now:
        raise DeadlineExceeded(f"the deadline of the call to {call.skill!r} has passed already")
