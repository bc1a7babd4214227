"""May this call be made at all, and is there room for it?"""

from __future__ import annotations

from catnap.access import Resource, require
from catnap.access.admission import Admitted, Refused
from catnap.access.limiter import Limiter
from catnap.access.limits import Who
from catnap.calls.call import Call
from catnap.errors import DeadlineExceeded, InvalidRequest
from catnap.events.header_text import check_size
from catnap.events.ids import check_id
from catnap.http.message import MAX_BODY, too_large
from catnap.services.catalog import Deployed

MAX_DEPTH = 16


def admit(call: Call, deployed: Deployed, limits: Limiter, now: float) -> Admitted:
    """A place for a call that is made now. Raises the error that says why not;
    a call that is refused has taken nothing."""
    permit(call, deployed, now)
    return _in(limits.admit(_who(call), now, nested=bool(call.parent)), now)


def enqueue(call: Call, deployed: Deployed, limits: Limiter, now: float) -> None:
    """Counts a call that is made when there is room. Raises likewise."""
    permit(call, deployed, now)
    refused = limits.enqueue(_who(call), now)
    if refused:
        raise refused.error(now)


def admit_model(limits: Limiter, who: Who, now: float) -> Admitted:
    """A place for a request to a model. One that a skill makes is part of its
    call; any other is a call by itself. Raises ResourceExhausted."""
    refused = limits.within(who, now, "daily_tokens", "daily_cost")
    if refused:
        raise refused.error(now)
    return Admitted((), now) if who[2] else _in(limits.admit(who, now), now)


def admit_file(limits: Limiter, who: Who, now: float) -> None:
    """Whether a file may be written; how long it is, nobody knows yet. Raises
    ResourceExhausted."""
    refused = limits.within(who, now, "daily_bytes")
    if refused:
        raise refused.error(now)


def _who(call: Call) -> Who:
    return (call.tenant, call.user, call.skill)


def _in(answer: Admitted | Refused, now: float) -> Admitted:
    if isinstance(answer, Refused):
        raise answer.error(now)
    return answer


def permit(call: Call, deployed: Deployed, now: float) -> None:
    """Whether the call may be made at all. Raises the error that says why not."""
    resource = Resource(call.tenant, call.user, call.skill, deployed.manifest.access.roles)
    require(call.principal, "skills.call", resource)
    if call.event.data and len(call.event.data) > MAX_BODY:
        raise too_large(len(call.event.data), MAX_BODY)
    check_size(call.event)
    if call.user:
        check_id("user", call.user)
    if call.session:
        check_id("session", call.session)
    if call.key:
        check_id("idempotency key", call.key)
    if call.depth > MAX_DEPTH:
        # Ends what goes round in circles: a skill that calls itself, or sends
        # the event that it is called by.
        raise InvalidRequest(
            f"skills called one another {MAX_DEPTH} deep, the last was {call.skill!r}: "
            "does one of them call itself?"
        )
    if call.deadline is not None and call.deadline <= now:
        raise DeadlineExceeded(f"the deadline of the call to {call.skill!r} has passed already")
