"""`/secrets`: those of skills, set and listed. No route gives a value back."""

from __future__ import annotations

import msgspec

from catnap.access import Principal
from catnap.errors import InvalidRequest
from catnap.gateway.door import asked_tenant
from catnap.gateway.gateway import Gateway
from catnap.http import Request, Response


class Shown(msgspec.Struct, frozen=True):
    """updated: seconds since the epoch, and author: who set it; 0 and empty
    where nobody has. named: the skill's manifest still asks for it."""

    skill: str
    name: str
    updated: float = 0.0
    author: str = ""
    named: bool = True


class Listed(msgspec.Struct, frozen=True):
    secrets: list[Shown]


async def list_(gateway: Gateway, caller: Principal, request: Request) -> Response:
    """Those that are set, and those that skills ask for."""
    tenant = _tenant(gateway, caller, request)
    named = {
        (each.manifest.name, name)
        for each in gateway.catalog.of(tenant)
        for name in each.manifest.secrets.names
    }
    found = {
        (each.skill, each.name): Shown(
            *(each.skill, each.name, each.updated, each.author, (each.skill, each.name) in named)
        )
        for each in await gateway.secrets.list(tenant)
    }
    shown = [found.get(place) or Shown(*place) for place in sorted(named | found.keys())]
    return Response.json(msgspec.json.encode(Listed(shown)))


async def put(
    gateway: Gateway, caller: Principal, request: Request, skill: str, name: str
) -> Response:
    """The body is the value. Instances that start from now on have it."""
    tenant = _tenant(gateway, caller, request, skill)
    names = gateway.catalog.get(skill, tenant).manifest.secrets.names
    if name not in names:
        named = f"names {', '.join(names)}" if names else "names no secrets"
        raise InvalidRequest(
            f"the skill.toml of {skill!r} {named}: add {name!r} to names in [secrets] there, "
            "and deploy that first"
        )
    await gateway.secrets.set(tenant, skill, name, await request.body.read(), caller.name)
    return Response(204)


async def remove(
    gateway: Gateway, caller: Principal, request: Request, skill: str, name: str
) -> Response:
    tenant = _tenant(gateway, caller, request, skill)
    await gateway.secrets.remove(tenant, skill, name)
    return Response(204)


def _tenant(gateway: Gateway, caller: Principal, request: Request, skill: str = "SKILL") -> str:
    """Raises InvalidRequest on a cluster, with the command that does it there."""
    tenant = asked_tenant(request) or caller.tenant
    if gateway.cluster is not None:
        raise InvalidRequest(
            "this gateway runs on a cluster, which keeps the secrets of skills itself, and has no "
            f"right to them: `catnap secrets set NAME --skill {skill} --tenant {tenant} "
            "--context CONTEXT` sets them there with your own"
        )
    return tenant
