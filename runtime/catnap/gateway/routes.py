"""The HTTP surface: skills, events, the platform itself, health and metrics."""

from __future__ import annotations

import msgspec

from catnap.access import Resource, is_loopback, require
from catnap.errors import InvalidRequest, NotFound, Unavailable
from catnap.gateway import events, platform
from catnap.gateway.callback import Callback
from catnap.gateway.callers import principal
from catnap.gateway.describe import describe_all
from catnap.gateway.gateway import Gateway
from catnap.gateway.hosts import Hosts
from catnap.gateway.skill import call_skill, describe_skill
from catnap.http import Request, Response


class Routes:
    """Answers the requests of one gateway."""

    def __init__(self, gateway: Gateway, hosts: Hosts | None = None) -> None:
        self._gateway = gateway
        self._callback = Callback(gateway)
        self._hosts = hosts or Hosts(gateway)

    async def __call__(self, request: Request) -> Response:
        if self._gateway.cluster is not None:
            answered = await self._hosts(request)
            if answered is not None:
                return answered
        return await self._ours(request)

    async def callbacks(self, request: Request) -> Response:
        """What skills ask, and nothing else: whoever may reach only this can
        neither call a skill by a key it found nor use the gateway as a way to
        other hosts."""
        first, *rest = request.path.lstrip("/").split("/")
        if first != "callback":
            raise NotFound(f"there is nothing at {request.path!r} but /callback")
        # What is at work may go on to its end while the gateway stops.
        if not self._gateway.started:
            raise Unavailable("the gateway is starting", retry_after=1)
        return await self._callback(request, rest)

    async def close(self) -> None:
        await self._hosts.close()

    async def _ours(self, request: Request) -> Response:
        first, *rest = request.path.lstrip("/").split("/")
        if first == "callback" and not self._gateway.settings.callback:
            return await self.callbacks(request)
        if not self._gateway.ready:
            raise Unavailable("the gateway is starting or stopping", retry_after=1)
        match (first, *rest):
            case ("healthz",):
                return _only(request, "GET") or Response.text("ok\n")
            case ("metrics",):
                return _only(request, "GET") or await self._metrics(request)
            case ("skills",):
                return _only(request, "GET") or await self._list(request)
            case ("skills", name):
                if request.method == "POST":
                    return await call_skill(
                        self._gateway, request, await principal(self._gateway, request), name
                    )
                return _only(request, "GET", "POST") or await self._get(request, name)
            case ("platform", *parts):
                return await platform.answer(self._gateway, request, parts)
            case ("events",):
                return _only(request, "POST") or await events.take(self._gateway, request)
            case ("events", skill, trigger):
                return _only(request, "POST") or await events.take(
                    self._gateway, request, (skill, trigger)
                )
        raise NotFound(
            f"there is nothing at {request.path!r}: POST /skills/<name>, GET /skills, POST /events"
        )

    async def _metrics(self, request: Request) -> Response:
        gateway = self._gateway
        if not is_loopback(gateway.settings.http):
            caller = await principal(gateway, request)
            require(caller, "platform.read", Resource(caller.tenant))
        instances = gateway.pipeline.metrics.instances
        instances.clear()
        for status in gateway.platform.status():
            instances.labels(status.service).inc(status.instances)
        metrics = gateway.pipeline.metrics.text() + gateway.egress.records.text()
        kind = b"text/plain; version=0.0.4; charset=utf-8"
        return Response(200, [(b"content-type", kind)], metrics)

    async def _list(self, request: Request) -> Response:
        caller = await principal(self._gateway, request)
        require(caller, "skills.read", Resource(caller.tenant))
        return Response.json(_encode({"skills": describe_all(self._gateway, caller.tenant)}))

    async def _get(self, request: Request, name: str) -> Response:
        caller = await principal(self._gateway, request)
        return await describe_skill(self._gateway, caller, name)


def _only(request: Request, *methods: str) -> Response | None:
    """A 405 unless the method is one of these."""
    if request.method in methods:
        return None
    allowed = ", ".join(methods)
    error = InvalidRequest(f"{request.method} is not answered at {request.path!r}: use {allowed}")
    response = Response.error(error, 405)
    response.headers.append((b"allow", allowed.encode()))
    return response


_encode = msgspec.json.encode
