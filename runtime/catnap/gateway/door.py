"""Where it is decided whether a request may go on to its handler: once for
every surface, by the action that a table has for it."""

from __future__ import annotations

from catnap.access import Action, Principal, Resource, asking, require
from catnap.access.decision import ADMINISTRATIVE
from catnap.access.unbroken import unbroken
from catnap.errors import NotFound
from catnap.events.ids import EACH, MAX_ID_BYTES, check_id
from catnap.gateway.callers import principal
from catnap.gateway.gateway import Gateway
from catnap.gateway.query import read_query
from catnap.gateway.table import PUBLIC, Found
from catnap.http import Request, Response

ANYONE = Principal("", "", frozenset(), "anyone")
"""Whom what is public is answered."""


async def enter(gateway: Gateway, request: Request, found: Found) -> Response:
    """Raises Unauthenticated and PermissionDenied."""
    route = found.route
    if route.action == PUBLIC:
        return await route.handler(gateway, ANYONE, request, *found.parts)
    caller = await (route.proof or principal)(gateway, request)
    tenant = asked_tenant(request) if route.any_tenant else ""
    allow(gateway, caller, route.action, Resource(tenant or caller.tenant, skill=found.skill))
    answering = route.handler(gateway, caller, request, *found.parts)
    return await (unbroken(answering) if route.action in ADMINISTRATIVE else answering)


def allow(gateway: Gateway, caller: Principal, action: Action, resource: Resource) -> None:
    """Raises PermissionDenied unless the caller may, and NotFound for what is
    too long to name a skill: what is decided is remembered."""
    asking.by(caller)
    if len(resource.skill) > MAX_ID_BYTES:
        raise NotFound(f"there is no skill {resource.skill[:80]!r}…")
    asking.about(action, resource, change=action in ADMINISTRATIVE)
    require(caller, action, resource)


def asked_tenant(request: Request) -> str:
    """The tenant that `?tenant=` names, `*` for each; empty for none. Raises
    InvalidRequest."""
    asked = read_query(request).get("tenant", "")
    return asked if asked in ("", EACH) else check_id("tenant", asked)
