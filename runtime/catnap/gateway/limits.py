"""Limits and use over HTTP: seen, set and removed."""

from __future__ import annotations

import asyncio
import time
from datetime import date

import msgspec

from catnap.access import Principal, Resource, acting_for, asking
from catnap.access.admission import bound
from catnap.access.limits import Limit, bounded, whose
from catnap.access.model_usage_rows import ModelUse
from catnap.access.standing import Standing, fullest, standing
from catnap.access.usage import day_of
from catnap.access.usage_rows import Use
from catnap.access.usage_rows import date as written
from catnap.errors import InvalidRequest
from catnap.events.ids import EACH
from catnap.gateway.door import allow
from catnap.gateway.gateway import Gateway
from catnap.gateway.query import read_query
from catnap.http import Request, Response


class Usage(msgspec.Struct, frozen=True):
    """What was used on a day in UTC; of today also how limits stand, those of
    which least is left."""

    day: str
    used: list[Use]
    limits: list[Standing]


class UsageByModel(msgspec.Struct, frozen=True):
    """What models were asked for on a day in UTC."""

    day: str
    models: list[ModelUse]


class Known(msgspec.Struct, frozen=True):
    """source: `settings`, or `store` for one that was set while it ran."""

    limit: Limit
    source: str


class Limits(msgspec.Struct, frozen=True):
    limits: list[Known]


async def usage(gateway: Gateway, caller: Principal, request: Request) -> Response:
    """`?tenant=`, `*` for all of them, `&user=`, `&skill=` and `&day=2025-11-21`;
    with `&by=model` what models were asked for, of all or of `&model=`."""
    asked = read_query(request)
    tenant = asked.get("tenant") or caller.tenant
    # Who may act for one user only sees what that one uses.
    user = asked.get("user", "")
    if caller.user is not None:
        user = acting_for(caller, user)
    whose = {"tenant": "" if tenant == EACH else tenant, "user": user, "skill": asked.get("skill")}
    named = {kind: name for kind, name in whose.items() if name}
    now = time.time()
    today = written(day_of(now))
    day = _day(asked.get("day") or today)
    if asked.get("by"):
        if asked["by"] != "model":
            raise InvalidRequest(f"by: {asked['by'][:40]!r} is none; there is `by=model`")
        of_model = asked.get("model", "")
        return _answer(
            UsageByModel(day, await gateway.meter.used_models(day, **named, model=of_model))
        )
    used = await gateway.meter.used(day, **named)
    found: list[Standing] = []
    if day == today:
        of = (named.get("tenant", ""), user, named.get("skill", ""))
        for gates in gateway.meter.limiter.standing(now, of):
            found += standing(gates, now, **named)
            await asyncio.sleep(0)  # calls go on
    return _answer(Usage(day, used, fullest(found)))


async def list_(gateway: Gateway, caller: Principal, request: Request) -> Response:
    """Those that bound the tenant, alone or with others; for who may act for
    one user only, those that bound that one."""
    tenant = read_query(request).get("tenant") or caller.tenant
    return _answer(
        Limits(
            [
                Known(limit, "settings" if gateway.meter.is_configured(limit) else "store")
                for limit in gateway.meter.limiter.limits
                if tenant == EACH or limit.tenant in ("", EACH, tenant)
                if caller.user is None or limit.user in ("", EACH, caller.user)
            ]
        )
    )


async def put(gateway: Gateway, caller: Principal, request: Request) -> Response:
    try:
        limit = msgspec.json.decode(await request.body.read(), type=Limit)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"the limit cannot be read: {error}") from None
    _allow(gateway, caller, limit.tenant)
    said = ", ".join(bound(limit, measure) for measure in bounded(limit))
    asking.detail(f"limit of {whose(limit.scope)}: {said}")
    await gateway.meter.put(limit)
    return _answer(Known(limit, "store"))


async def remove(gateway: Gateway, caller: Principal, request: Request) -> Response:
    """`?tenant=&user=&skill=` as the limit has them; left out where it has none."""
    asked = read_query(request)
    scope = (asked.get("tenant", ""), asked.get("user", ""), asked.get("skill", ""))
    _allow(gateway, caller, scope[0])
    asking.detail(f"no limit of {whose(scope)}")
    await gateway.meter.remove(scope)
    return Response(204)


def _allow(gateway: Gateway, caller: Principal, tenant: str) -> None:
    """A limit is the word of the platform to the tenant that it bounds; one of
    every tenant is the platform's own affair."""
    allow(gateway, caller, "limits.write", Resource("" if tenant == EACH else tenant))


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise InvalidRequest(f"day: {text[:40]!r} is none; write it as 2025-11-21") from None


def _answer(value: object) -> Response:
    return Response.json(msgspec.json.encode(value))
