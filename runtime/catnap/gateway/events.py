"""Events over HTTP: one, a batch, or one that a Broker has matched already."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import msgspec

from catnap.access import Principal
from catnap.calls.accept import Accepted, accept, accept_batch
from catnap.errors import CatnapError
from catnap.events import Event, decode, decode_batch
from catnap.events.decode import is_batch
from catnap.events.limits import MAX_BATCH_BYTES
from catnap.gateway.callers import delivering
from catnap.gateway.gateway import Gateway
from catnap.http import Request, Response


class AcceptedBatch(msgspec.Struct):
    """What came of each event, in the batch's order."""

    events: list[Accepted]


async def take(gateway: Gateway, caller: Principal, request: Request) -> Response:
    """One event or a batch, for whatever triggers match."""
    return await _answered(_matched(gateway, caller, request))


async def take_for(
    gateway: Gateway, caller: Principal, request: Request, skill: str, trigger: str
) -> Response:
    """One that a Broker has matched already, with the trigger that it is for."""
    return await _answered(_one(gateway, delivering(caller), request, (skill, trigger)))


async def _answered(accepting: Coroutine[Any, Any, Accepted | AcceptedBatch]) -> Response:
    """Answers 202 once the journal holds it. A sender repeats on 404 and 409,
    so neither is ever its answer."""
    try:
        return Response.json(msgspec.json.encode(await accepting), 202)
    except CatnapError as error:
        return Response.error(error, 400 if error.http in (404, 409) else None)


async def _matched(
    gateway: Gateway, caller: Principal, request: Request
) -> Accepted | AcceptedBatch:
    if not is_batch(request.headers):
        return await _one(gateway, caller, request, None)
    body = await request.body.read(MAX_BATCH_BYTES)
    events = [_for_user(request, each) for each in decode_batch(request.headers, body)]
    return AcceptedBatch(await accept_batch(gateway.pipeline, events, caller))


async def _one(
    gateway: Gateway, caller: Principal, request: Request, trigger: tuple[str, str] | None
) -> Accepted:
    event = _for_user(request, decode(request.headers, await request.body.read()))
    return await accept(gateway.pipeline, event, caller, trigger=trigger)


def _for_user(request: Request, event: Event) -> Event:
    user = request.text(b"catnap-user")
    return event.extended(userid=user) if user else event
