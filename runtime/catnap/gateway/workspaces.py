"""What a host asks that keeps its sessions' folders itself, as in a pod.

    POST /callback/workspace                      {"instance":, "epoch":}

takes the Grant of a call and has its session's folder at the instance; the
answer has a Lease. All else takes that, as long as its epoch is the workspace's:

    GET  /callback/workspace/objects/<name>
    PUT  /callback/workspace/objects/<name>
    POST /callback/workspace/head?after=&rest=    its body is the manifest's object
    POST /callback/workspace/hold?rest=
    POST /callback/workspace/sweep

after: the snapshot that is the head now. rest=1: no call is at work there, and
nothing is left to be kept. Until then, or until HOLD has gone by without a word
from the host, the session is at no other instance.
"""

from __future__ import annotations

import asyncio
from time import monotonic

import msgspec

from catnap.access import Grant, Principal, Resource, asking, bearer_token
from catnap.access.leases import Lease
from catnap.errors import (
    Conflict,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from catnap.gateway.gateway import Gateway
from catnap.gateway.query import read_query
from catnap.gateway.table import Route, Table
from catnap.http import Request, Response
from catnap.snapshots.claimed import HOLD, Claim, Claimed, Kept
from catnap.snapshots.packing import LARGEST, NAME, named
from catnap.snapshots.parallel import in_thread
from catnap.snapshots.storing import MANIFEST
from catnap.workspaces import Held, Workspace

PREFIX = "callback/workspace/"
"""Of the paths that a Lease opens."""

WAIT = 12.0
"""Seconds that a call waits for another instance to keep what the session's
last call did: longer than one lasts that has ended without a word."""

LOOK = 0.1
"""Seconds between two looks whether it has."""

_TYPE = [(b"content-type", b"application/octet-stream")]


async def claim(gateway: Gateway, grant: Grant, request: Request) -> Response:
    """The answer is empty for a child call whose session's folder is at another
    instance now: that may be waiting for it."""
    if not grant.session:
        raise InvalidRequest("this call has no session, and so no workspace")
    if not grant.workspace:
        raise PermissionDenied(
            f"skill {grant.skill!r} has no workspaces: workspace = true under [session] of its "
            "skill.toml gives it some"
        )
    if gateway.keeper is not None:
        raise PermissionDenied("the folders of sessions are kept by the platform here")
    try:
        asked = msgspec.json.decode(await request.body.read(), type=Claim)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"workspace: {error}") from None
    held = await _taken(gateway, grant, asked)
    if held is None:
        return Response(204)
    lease = Lease(
        tenant=grant.tenant,
        user=grant.user,
        skill=grant.skill,
        session=grant.session,
        epoch=held.epoch,
    )
    head = (held.head.number, held.head.manifest) if held.head else (0, "")
    most = gateway.workspaces.bounds.size
    return _answer(Claimed(gateway.leases.issue(lease), held.epoch, most, *head))


async def _taken(gateway: Gateway, grant: Grant, asked: Claim) -> Held | None:
    """Raises Unavailable."""
    workspace = Workspace(grant.tenant, grant.user, grant.skill, grant.session)
    began = monotonic()
    while True:
        held = await gateway.workspaces.take(workspace, asked.instance, asked.epoch, HOLD)
        if held is not None or grant.depth:
            return held
        if monotonic() - began > WAIT:
            raise Unavailable(
                f"{workspace} cannot move to another instance yet: a call is at work where it is, "
                "or what the last one did is not kept",
                retry_after=1,
            )
        await asyncio.sleep(LOOK)


def is_leased(request: Request) -> bool:
    return request.path.lstrip("/").startswith(PREFIX)


async def answer(gateway: Gateway, request: Request) -> Response:
    """What a Lease opens. Raises Unauthenticated, and Conflict where its epoch
    is over."""
    token = bearer_token(request.text(b"authorization"))
    if token is None:
        raise Unauthenticated("a workspace needs the lease that came with it")
    lease = gateway.leases.read(token)
    who = f"the lease of session {lease.session}"
    asking.by(Principal(lease.tenant, lease.user, frozenset(), who))
    asking.about("sessions.write", Resource(lease.tenant, lease.user, lease.skill), change=False)
    found = LEASED.find(request.method, request.path)
    workspace = Workspace(lease.tenant, lease.user, lease.skill, lease.session)
    held = await gateway.workspaces.held(workspace, lease.epoch)
    return await found.route.handler(gateway, held, request, *found.parts)


async def _read(gateway: Gateway, held: Held, request: Request, name: str) -> Response:
    _checked(name)
    return Response(200, _TYPE, await gateway.workspaces.objects(held.workspace).get(name))


async def _write(gateway: Gateway, held: Held, request: Request, name: str) -> Response:
    _checked(name)
    packed = await in_thread(named, await request.body.read(LARGEST), held.epoch)
    if packed.name != name:
        raise InvalidRequest(f"{name} is not what the object is called: it is {packed.name}")
    await gateway.workspaces.stock.add(held.workspace, len(packed.content))
    await gateway.workspaces.objects(held.workspace).put(packed)
    return Response(204)


async def _move(gateway: Gateway, held: Held, request: Request) -> Response:
    packed = await in_thread(named, await request.body.read(MANIFEST), held.epoch)
    query = read_query(request)
    head = held.head
    if head is not None and head.manifest == packed.name:  # its answer was lost
        await gateway.workspaces.hold(held.workspace, held.epoch, _seconds(request))
        return _answer(Kept(head.number))
    if query.get("after") != str(head.number if head else 0):
        raise Conflict(f"{held.workspace} has another head by now")
    after = await gateway.workspaces.accept(held, packed, _seconds(request))
    return _answer(Kept(after.head.number if after.head else 0))


async def _hold(gateway: Gateway, held: Held, request: Request) -> Response:
    await gateway.workspaces.hold(held.workspace, held.epoch, _seconds(request))
    return Response(204)


async def _sweep(gateway: Gateway, held: Held, request: Request) -> Response:
    await gateway.workspaces.sweep(held)
    return Response(204)


def _seconds(request: Request) -> float:
    """For how long others wait for the holder."""
    return 0.0 if read_query(request).get("rest") == "1" else HOLD


def _checked(name: str) -> None:
    if not NAME.fullmatch(name):
        raise NotFound(f"{name!r} is no object of a workspace")


def _answer(value: object) -> Response:
    return Response.json(msgspec.json.encode(value))


LEASED = Table(
    (
        Route("GET", "/callback/workspace/objects/{name}", "sessions.read", _read),
        Route("PUT", "/callback/workspace/objects/{name}", "sessions.write", _write),
        Route("POST", "/callback/workspace/head", "sessions.write", _move),
        Route("POST", "/callback/workspace/hold", "sessions.write", _hold),
        Route("POST", "/callback/workspace/sweep", "sessions.write", _sweep),
    )
)
"""Their handlers are given the workspace as it is held. A Lease is their only
key: no role opens them."""
