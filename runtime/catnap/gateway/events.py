"""Events over HTTP: one, a batch, or one that a Broker has matched already."""

from __future__ import annotations

import msgspec

from catnap.calls.accept import Accepted, accept, accept_batch
from catnap.errors import CatnapError
from catnap.events import Event, decode, decode_batch
from catnap.events.decode import is_batch
from catnap.events.limits import MAX_BATCH_BYTES
from catnap.gateway.callers import delivering, principal
from catnap.gateway.gateway import Gateway
from catnap.http import Request, Response


class AcceptedBatch(msgspec.Struct):
    """What came of each event, in the batch's order."""

    events: list[Accepted]


async def take(
    gateway: Gateway, request: Request, trigger: tuple[str, str] | None = None
) -> Response:
    """Answers 202 once the journal holds it. A sender repeats on 404 and 409,
    so neither is ever its answer.

    trigger: the skill and its trigger that the event is for; a batch is for
    whatever triggers match.
    """
    try:
        accepted = await _accepted(gateway, request, trigger)
    except CatnapError as error:
        return Response.error(error, 400 if error.http in (404, 409) else None)
    return Response.json(msgspec.json.encode(accepted), 202)


async def _accepted(
    gateway: Gateway, request: Request, trigger: tuple[str, str] | None
) -> Accepted | AcceptedBatch:
    caller = await principal(gateway, request)
    if trigger:
        caller = delivering(caller, trigger[0])
    elif is_batch(request.headers):
        body = await request.body.read(MAX_BATCH_BYTES)
        events = [_for_user(request, each) for each in decode_batch(request.headers, body)]
        return AcceptedBatch(await accept_batch(gateway.pipeline, events, caller))
    event = _for_user(request, decode(request.headers, await request.body.read()))
    return await accept(gateway.pipeline, event, caller, trigger=trigger)


def _for_user(request: Request, event: Event) -> Event:
    user = request.text(b"catnap-user")
    return event.extended(userid=user) if user else event
