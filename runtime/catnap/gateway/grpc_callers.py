"""From an RPC's metadata and options to who calls, for whom, and how."""

from __future__ import annotations

import time

from catnap.access import Principal, acting_for, asking, bearer_token
from catnap.calls.call import Call, direct
from catnap.calls.ids import new_id
from catnap.calls.models import Asker
from catnap.errors import InvalidRequest
from catnap.events.ids import check_id
from catnap.gateway.callers import priority_named
from catnap.gateway.gateway import Gateway
from catnap.gateway.status import Context
from catnap.http import MAX_BODY, too_large
from catnap.services.timings import written
from catnap.v1 import call_pb2


async def principal(gateway: Gateway, context: Context) -> Principal:
    metadata = context.invocation_metadata() or ()
    given = [value for name, value in metadata if name == "authorization"]
    if len(given) > 1:
        # Whoever stands in between may have looked at the other one.
        raise InvalidRequest("metadata 'authorization': is there twice")
    authorization = given[0] if given else None
    if isinstance(authorization, bytes):
        authorization = authorization.decode("latin-1")
    bearer, certificate = bearer_token(authorization), b""
    if bearer is None:  # which alone counts where there is one
        certificate = next(iter(context.auth_context().get("x509_pem_cert", ())), b"")
    caller = await gateway.credentials.authenticate(bearer, time.time(), certificate)
    asking.by(caller)
    return caller


def asker(caller: Principal, context: Context) -> Asker:
    """Who asks a model: what a client of another protocol has no field for, is
    in its metadata. Raises InvalidRequest and PermissionDenied."""
    said = [each for each in context.invocation_metadata() or () if each[0] in _ASKER]
    if not said:
        who = (caller.tenant, acting_for(caller, ""), "")
        return Asker(who, context.time_remaining(), timings={})
    texts = {name: str(value) for name, value in said}
    if len(texts) < len(said):
        raise InvalidRequest(f"metadata: one of {', '.join(texts)} is there twice")
    session = texts.get("catnap-session", "")
    if session:
        check_id("session", session)
    return Asker(
        who=(caller.tenant, acting_for(caller, texts.get("catnap-user", "")), ""),
        left=context.time_remaining(),
        priority=priority_named(texts.get("catnap-priority", "")),
        session=session,
        traceparent=texts.get("traceparent", ""),
        timings={},
    )


def tell_timings(asker: Asker, context: Context) -> None:
    """Where the time went, in the answer's trailing metadata: `server-timing` as
    over HTTP."""
    if asker.timings:
        context.set_trailing_metadata((("server-timing", written(asker.timings)),))


_ASKER = frozenset(("catnap-user", "catnap-session", "catnap-priority", "traceparent"))


def rpc_call(
    caller: Principal,
    context: Context,
    skill: str,
    payload: call_pb2.Payload,
    options: call_pb2.CallOptions,
    revision: str = "",
    *,
    waits: bool = True,
) -> Call:
    """The Call of an Invoke or a Submit. revision: the one of the tag that the
    options name. waits: the RPC's own deadline counts."""
    if options.priority not in call_pb2.Priority.values():
        raise InvalidRequest(f"priority: {options.priority} is none; use LOW, NORMAL or HIGH")
    if len(payload.data) > MAX_BODY:
        raise too_large(len(payload.data), MAX_BODY)
    task = new_id()
    deadlines = []
    if options.HasField("deadline"):
        deadlines.append(options.deadline.seconds + options.deadline.nanos / 1e9)
    left = context.time_remaining() if waits else None
    if left is not None:
        deadlines.append(time.time() + left)
    return Call(
        id=task,
        principal=caller,
        skill=skill,
        user=acting_for(caller, options.user),
        session=options.session,
        event=direct(task, skill, payload.data, payload.content_type),
        priority=int(options.priority) or int(call_pb2.PRIORITY_NORMAL),
        key=options.idempotency_key,
        deadline=min(deadlines, default=None),
        traceparent=options.traceparent or _traceparent(context),
        revision=revision,
    )


def _traceparent(context: Context) -> str:
    """As clients send it that OpenTelemetry has instrumented."""
    for name, value in context.invocation_metadata() or ():
        if name == "traceparent":
            return str(value)
    return ""
