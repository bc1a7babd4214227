"""The models there are and how their servers stand: `/platform/models` over HTTP."""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

from catnap.access import Principal, effective_roles
from catnap.gateway.gateway import Gateway
from catnap.http import Request, Response
from catnap.models.registry import AnyServed
from catnap.models.snapshot import Ended, ModelSeen, ModelsSeen, ServerSeen


async def see(gateway: Gateway, caller: Principal, request: Request) -> Response:
    """Those of models.toml, by name; to a caller of one tenant, those that it may
    ask, and nothing of whose else they are or of what is wrong with the file."""
    whole = "admin" in effective_roles(caller.roles)
    models = sorted(
        (
            _seen(served, gateway.model_metrics.of(served), "" if whole else caller.tenant)
            for served in gateway.models.registry
            if whole or served.model.is_for(caller.tenant)
        ),
        key=lambda each: (each.name, each.canary is not None),
    )
    problem = gateway.shared_models.problem if whole else ""
    return Response.json(msgspec.json.encode(ModelsSeen(tuple(models), problem)))


def _seen(served: AnyServed, ended: Ended, tenant: str) -> ModelSeen:
    """ended: of requests to this version of it. tenant: that is told of itself alone;
    empty for who is told of all."""
    model, pool = served.model, served.pool
    now = pool.clock()
    canary = model.canary if served.canary else None
    return ModelSeen(
        name=served.name,
        version=served.version,
        protocol=model.protocol,
        abilities=model.abilities,
        servers=tuple(
            ServerSeen(
                each.name,
                "ejected" if each.health.ejected else "healthy",
                each.inflight,
                each.room,
                max(0.0, each.health.back - now) if each.health.ejected else 0.0,
            )
            for each in pool.servers
        ),
        aliases=model.aliases,
        tenants=tuple(each for each in model.tenants if not tenant or fnmatchcase(tenant, each)),
        canary=canary.percent if canary else None,
        folder=model.folder,
        wake=model.wake.deployment if model.wake else "",
        waiting=len(pool.queue),
        requests=ended.requests,
        failed=ended.failed,
        p50=ended.p50,
        p95=ended.p95,
        prices=model.prices,
    )
