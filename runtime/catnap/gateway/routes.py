"""The HTTP surface: a table of routes, and the server's way through it."""

from __future__ import annotations

from collections.abc import Callable

from catnap.access.audited import Audited
from catnap.errors import CatnapError, NotFound, Unavailable
from catnap.gateway import (
    audit,
    callback,
    events,
    files,
    keys,
    limits,
    models_seen,
    observe,
    oip_routes,
    openai_errors,
    openai_routes,
    platform,
    secrets,
    sessions,
    skill,
    workspaces,
)
from catnap.gateway.door import enter
from catnap.gateway.gateway import Gateway
from catnap.gateway.hosts import Hosts
from catnap.gateway.table import PUBLIC, Route, Table
from catnap.http import Request, Response

ROUTES = Table(
    (
        Route("GET", "/healthz", PUBLIC, observe.health),
        Route("GET", "/metrics", "platform.read", observe.metrics, observe.scraper),
        Route("GET", "/skills", "skills.read", skill.list_skills),
        Route("GET", "/skills/{skill}", "skills.read", skill.describe_skill),
        Route("POST", "/skills/{skill}", "skills.call", skill.call_skill),
        Route("POST", "/events", "events.send", events.take),
        Route("POST", "/events/{skill}/{trigger}", "events.deliver", events.take_for),
        Route("GET", "/platform", "platform.read", platform.see, any_tenant=True),
        Route("GET", "/platform/models", "platform.read", models_seen.see),
        Route("GET", "/platform/skills/{skill}", "platform.read", platform.look, any_tenant=True),
        Route("DELETE", "/platform/skills/{skill}", "platform.write", platform.delete),
        Route(
            *("PUT", "/platform/skills/{skill}/traffic", "platform.write", platform.route),
            any_tenant=True,
        ),
        Route("POST", "/platform/skills/{skill}/deploy", "platform.write", platform.deploy),
        Route("GET", "/audit", "audit.read", audit.list_, any_tenant=True),
        Route("GET", "/audit/verify", "audit.read", audit.verify, any_tenant=True),
        Route("GET", "/audit/export", "audit.read", audit.export, any_tenant=True),
        Route("GET", "/secrets", "secrets.read", secrets.list_, any_tenant=True),
        Route("PUT", "/secrets/{skill}/{name}", "secrets.write", secrets.put, any_tenant=True),
        Route(
            *("DELETE", "/secrets/{skill}/{name}", "secrets.write", secrets.remove),
            any_tenant=True,
        ),
        Route("GET", "/usage", "usage.read", limits.usage, any_tenant=True),
        Route("GET", "/limits", "usage.read", limits.list_, any_tenant=True),
        Route("PUT", "/limits", "limits.write", limits.put),
        Route("DELETE", "/limits", "limits.write", limits.remove),
        Route("GET", "/keys", "keys.read", keys.list_, any_tenant=True),
        Route("POST", "/keys", "keys.write", keys.create, any_tenant=True),
        Route("POST", "/keys/{key}/rotate", "keys.write", keys.rotate, any_tenant=True),
        Route("DELETE", "/keys/{key}", "keys.write", keys.revoke, any_tenant=True),
        Route("DELETE", "/users/{user}/credentials", "keys.write", keys.end_user, any_tenant=True),
        *files.ROUTES,
        *sessions.ROUTES,
        *openai_routes.ROUTES,
        *oip_routes.ROUTES,
    ),
    hint="POST /skills/<name>, GET /skills, POST /events",
)

Refusal = Callable[[CatnapError], Response]


class Routes:
    """Answers the requests of one gateway."""

    def __init__(self, gateway: Gateway, hosts: Hosts | None = None) -> None:
        self._gateway = gateway
        self._hosts = hosts or Hosts(gateway)

    async def __call__(self, request: Request) -> Response:
        refusal: Refusal | None = None
        try:
            async with self._audited(request):
                if self._gateway.cluster is not None:
                    answered = await self._hosts(request)
                    if answered is not None:
                        return answered
                refusal = _refusal(request.path)
                return await self._ours(request)
        except CatnapError as error:
            if refusal is None:
                raise
            return refusal(error)

    async def callbacks(self, request: Request) -> Response:
        """What skills ask, and nothing else: whoever may reach only this can
        neither call a skill by a key it found nor use the gateway as a way to
        other hosts."""
        try:
            async with self._audited(request):
                return await self._callback(request)
        except CatnapError as error:
            refusal = _refusal(request.path)
            if refusal is None:
                raise
            return refusal(error)

    async def _callback(self, request: Request) -> Response:
        if not _calls_back(request):
            raise NotFound(f"there is nothing at {request.path!r} but /callback")
        # What is at work may go on to its end while the gateway stops.
        if not self._gateway.started:
            raise Unavailable("the gateway is starting", retry_after=1)
        answer = workspaces.answer if workspaces.is_leased(request) else callback.answer
        return await answer(self._gateway, request)

    def _audited(self, request: Request) -> Audited:
        return Audited(
            self._gateway.audit, lambda: (f"{request.method} {request.path}", request.client)
        )

    async def close(self) -> None:
        await self._hosts.close()

    async def _ours(self, request: Request) -> Response:
        if _calls_back(request) and not self._gateway.settings.callback:
            return await self._callback(request)
        if not self._gateway.ready:
            raise Unavailable("the gateway is starting or stopping", retry_after=1)
        return await enter(self._gateway, request, ROUTES.find(request.method, request.path))


def _calls_back(request: Request) -> bool:
    return request.path.lstrip("/").partition("/")[0] == "callback"


def _refusal(path: str) -> Refusal | None:
    """How an error is written to those whose clients read no problem documents."""
    match path.lstrip("/").removeprefix("callback/").partition("/")[0]:
        case "v1":
            return openai_errors.answer
        case "v2":
            return oip_routes.refusal
    return None
