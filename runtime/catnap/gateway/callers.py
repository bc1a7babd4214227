"""From what a request says to who calls, for whom, and how."""

from __future__ import annotations

import contextlib
import time
from datetime import datetime

import msgspec

from catnap.access import Principal, acting_for, asking, bearer_token
from catnap.calls.call import Call, direct
from catnap.calls.ids import new_id
from catnap.calls.models import Asker
from catnap.errors import InvalidRequest, PermissionDenied
from catnap.events import Event
from catnap.events.decode import decode, is_event
from catnap.events.ids import check_id
from catnap.gateway.gateway import Gateway
from catnap.http import Request
from catnap.skills.duration import Duration

PRIORITIES = {"low": 1, "normal": 2, "high": 3}


async def principal(gateway: Gateway, request: Request) -> Principal:
    bearer = bearer_token(request.text(b"authorization"))
    caller = await gateway.credentials.authenticate(bearer, time.time(), request.certificate)
    asking.by(caller)
    return caller


def delivering(broker: Principal) -> Principal:
    """As whom the events for a trigger come that a Broker brings: a cluster's
    has no other rights than to bring them."""
    if "broker" not in broker.roles:
        return broker
    return msgspec.structs.replace(broker, roles=broker.roles - {"broker"} | {"caller"})


def http_call(
    request: Request, body: bytes, caller: Principal, skill: str, revision: str = ""
) -> Call:
    """A POST to a skill: a payload, or a CloudEvent in either HTTP mode."""
    task = new_id()
    event: Event
    if is_event(request.headers):
        event = decode(request.headers, body)
    else:
        event = direct(task, skill, body, request.text(b"content-type") or "")
    said = event.extensions
    if said.get("tenantid", caller.tenant) != caller.tenant:
        raise PermissionDenied(
            f"the event is for tenant {said['tenantid']!r}, the credential is {caller.tenant!r}'s"
        )
    user = request.text(b"catnap-user") or said.get("userid", "")
    return Call(
        id=task,
        principal=caller,
        skill=skill,
        user=acting_for(caller, user),
        session=request.text(b"catnap-session") or said.get("sessionid", ""),
        event=event,
        priority=priority_named(request.text(b"catnap-priority") or ""),
        key=request.text(b"idempotency-key") or "",
        deadline=_deadline(request, said.get("deadline")),
        traceparent=request.text(b"traceparent") or said.get("traceparent", ""),
        accept=request.text(b"accept") or "",
        revision=revision,
    )


def asker(caller: Principal, request: Request) -> Asker:
    """Who asks a model. Raises InvalidRequest and PermissionDenied."""
    session = request.text(b"catnap-session") or ""
    if session:
        check_id("session", session)
    until = _deadline(request, None)
    return Asker(
        who=(caller.tenant, acting_for(caller, request.text(b"catnap-user") or ""), ""),
        left=None if until is None else max(0.0, until - time.time()),
        priority=priority_named(request.text(b"catnap-priority") or ""),
        session=session,
        traceparent=request.text(b"traceparent") or "",
        timings={},
    )


def priority_named(name: str) -> int:
    """By its word; of the usual one where there is none."""
    if not name:
        return PRIORITIES["normal"]
    name = name.lower()
    if name not in PRIORITIES:
        raise InvalidRequest(f"Catnap-Priority {name!r}: use low, normal or high")
    return PRIORITIES[name]


def _deadline(request: Request, said: str | None) -> float | None:
    """The earlier one of the header's and the event's."""
    deadlines = []
    if said:
        deadlines.append(_timestamp(said))
    timeout = request.text(b"catnap-timeout")
    if timeout:
        deadlines.append(_after(timeout))
    return min(deadlines, default=None)


def _timestamp(said: str) -> float:
    with contextlib.suppress(ValueError):
        time = datetime.fromisoformat(said)
        if time.tzinfo is not None:
            return time.timestamp()
    raise InvalidRequest(f"CloudEvent attribute 'deadline': {said!r} is not an RFC 3339 timestamp")


def _after(timeout: str) -> float:
    value: float | str = timeout
    with contextlib.suppress(ValueError):
        value = float(timeout)
    try:
        return time.time() + Duration.parse(value)
    except ValueError as error:
        raise InvalidRequest(f"Catnap-Timeout: {error}") from None
