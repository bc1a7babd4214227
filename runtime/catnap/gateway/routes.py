"""The HTTP surface: skills, events, health and metrics."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Mapping,
)
from contextlib import AsyncExitStack

import msgspec

from catnap.access import Resource, is_loopback, require
from catnap.calls.accept import accept
from catnap.calls.call import Call
from catnap.errors import CatnapError, InvalidRequest, NotFound, Unavailable
from catnap.events.decode import decode
from catnap.gateway.callback import Callback
from catnap.gateway.callers import http_call, principal
from catnap.gateway.describe import describe, describe_all
from catnap.gateway.gateway import Gateway
from catnap.http import Request, Response

_STREAMS = ("text/event-stream", "application/x-ndjson")
_JSON = (b"content-type", b"application/json")


class Routes:
    """Answers the requests of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._callback = Callback(gateway)

    async def __call__(self, request: Request) -> Response:
        first, *rest = request.path.lstrip("/").split("/")
        if first == "callback":
            # What is at work may go on to its end while the gateway stops.
            return await self._callback(request, rest)
        if not self._gateway.ready:
            raise Unavailable("the gateway is starting or stopping", retry_after=1)
        match (first, *rest):
            case ("healthz",):
                return _only(request, "GET") or Response.text("ok\n")
            case ("metrics",):
                return _only(request, "GET") or self._metrics(request)
            case ("skills",):
                return _only(request, "GET") or self._list(request)
            case ("skills", name):
                return await self._one_of(request, {"GET": self._get, "POST": self._call}, name)
            case ("events",):
                return _only(request, "POST") or await self._event(request)
            case ("events", skill, trigger):
                return _only(request, "POST") or await self._event(request, (skill, trigger))
        raise NotFound(
            f"there is nothing at {request.path!r}: POST /skills/<name>, GET /skills, POST /events"
        )

    async def _one_of(
        self,
        request: Request,
        methods: Mapping[str, Callable[[Request, str], Awaitable[Response]]],
        name: str,
    ) -> Response:
        refused = _only(request, *methods)
        return refused or await methods[request.method](request, name)

    def _metrics(self, request: Request) -> Response:
        gateway = self._gateway
        if not is_loopback(gateway.settings.http):
            caller = principal(gateway, request)
            require(caller, "platform.read", Resource(caller.tenant))
        instances = gateway.pipeline.metrics.instances
        instances.clear()
        for status in gateway.platform.status():
            instances.labels(status.service).inc(status.instances)
        kind = b"text/plain; version=0.0.4; charset=utf-8"
        return Response(200, [(b"content-type", kind)], gateway.pipeline.metrics.text())

    def _list(self, request: Request) -> Response:
        caller = principal(self._gateway, request)
        require(caller, "skills.read", Resource(caller.tenant))
        return Response.json(_encode({"skills": describe_all(self._gateway, caller.tenant)}))

    async def _get(self, request: Request, name: str) -> Response:
        caller = principal(self._gateway, request)
        require(caller, "skills.read", Resource(caller.tenant, skill=name))
        return Response.json(_encode(describe(self._gateway, caller.tenant, name)))

    async def _call(self, request: Request, name: str) -> Response:
        caller = principal(self._gateway, request)
        body = await request.body.read()
        call = http_call(request, body, caller, name)
        if "respond-async" in (request.text(b"prefer") or ""):
            task = await self._gateway.pipeline.submit(call)
            return Response(
                202, [_JSON, (b"preference-applied", b"respond-async")], _encode({"task": task.id})
            )
        if any(kind in call.accept for kind in _STREAMS):
            return await self._stream(call)
        outcome = await self._gateway.pipeline.answer(call)
        headers = _about(outcome.task, outcome.instance, outcome.timings, outcome.content_type)
        return Response(200, headers, outcome.data)

    async def _stream(self, call: Call) -> Response:
        held = AsyncExitStack()
        made = await held.enter_async_context(self._gateway.pipeline.stream(call))

        headers = _about(call.id, made.instance, made.timings(), made.content_type)
        return Response(200, headers, _Parts(held, made.delivered.reply.body))

    async def _event(self, request: Request, trigger: tuple[str, str] | None = None) -> Response:
        """Answers 202 when the journal holds it. A sender repeats on 404 and
        409, so neither is ever its answer."""
        try:
            caller = principal(self._gateway, request)
            body = await request.body.read()
            event = decode(request.headers, body)
            user = request.text(b"catnap-user")
            if user:
                event = event.extended(userid=user)
            accepted = await accept(self._gateway.pipeline, event, caller, trigger=trigger)
        except CatnapError as error:
            return Response.error(error, 400 if error.http in (404, 409) else None)
        return Response.json(_encode(accepted), 202)


class _Parts:
    """A streamed answer; holds its call open until it is read or given up."""

    def __init__(self, held: AsyncExitStack, body: AsyncIterable[bytes]) -> None:
        self._held = held
        self._parts = self._read(body)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts

    async def _read(self, body: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        # Within the block, so that the call's own end meets what it raises.
        async with self._held:
            async for part in body:
                yield part

    async def aclose(self) -> None:
        await self._parts.aclose()
        await self._held.aclose()


def _about(
    task: str, instance: str, timings: Mapping[str, float], content_type: str
) -> list[tuple[bytes, bytes]]:
    parts = ", ".join(f"{name};dur={milliseconds:.2f}" for name, milliseconds in timings.items())
    found = {
        b"content-type": content_type,
        b"catnap-task": task,
        b"catnap-instance": instance,
        b"server-timing": parts,
    }
    return [(name, value.encode()) for name, value in found.items() if value]


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
