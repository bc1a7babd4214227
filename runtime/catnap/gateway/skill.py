"""Skills over HTTP: listed, described, called, or called and streamed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Mapping
from contextlib import AsyncExitStack

import msgspec

from catnap.access import Principal
from catnap.calls.call import Call
from catnap.gateway.callers import http_call
from catnap.gateway.describe import describe, describe_all
from catnap.gateway.gateway import Gateway
from catnap.gateway.tags import refuse_later, tagged
from catnap.http import Request, Response
from catnap.services.timings import written

_STREAMS = ("text/event-stream", "application/x-ndjson")
_JSON = (b"content-type", b"application/json")


async def list_skills(gateway: Gateway, caller: Principal, request: Request) -> Response:
    found = describe_all(gateway, caller.tenant)
    return Response.json(msgspec.json.encode({"skills": found}))


async def describe_skill(
    gateway: Gateway, caller: Principal, request: Request, name: str
) -> Response:
    return Response.json(msgspec.json.encode(describe(gateway, caller.tenant, name)))


async def call_skill(
    gateway: Gateway, caller: Principal, request: Request, name: str, revision: str = ""
) -> Response:
    """The answer as the request wants it: whole, streamed, or only accepted.

    revision: the one that is meant; empty for the one of the tag that the
    request names, or where the traffic goes.
    """
    body = request.body.whole()
    if body is None:
        body = await request.body.read()
    tag = request.text(b"catnap-tag") or ""
    if tag and not revision:
        revision = await tagged(gateway, caller, name, tag)
    call = http_call(request, body, caller, name, revision)
    if "respond-async" in (request.text(b"prefer") or ""):
        refuse_later(tag)
        task = await gateway.pipeline.submit(call)
        return Response(
            202,
            [_JSON, (b"preference-applied", b"respond-async")],
            msgspec.json.encode({"task": task.id}),
        )
    if call.accept and any(kind in call.accept for kind in _STREAMS):
        return await _stream(gateway, call)
    outcome = await gateway.pipeline.answer(call)
    headers = _about(outcome.task, outcome.instance, outcome.timings, outcome.content_type)
    return Response(200, headers, outcome.data)


async def _stream(gateway: Gateway, call: Call) -> Response:
    held = AsyncExitStack()
    made = await held.enter_async_context(gateway.pipeline.stream(call))
    headers = _about(call.id, made.instance, made.timings(), made.content_type)
    return Response(200, headers, _Parts(held, made.delivered.reply.body))


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
    found = [(b"catnap-task", task.encode())]
    if content_type:
        found.append((b"content-type", content_type.encode()))
    if instance:
        found.append((b"catnap-instance", instance.encode()))
    if timings:
        found.append((b"server-timing", written(timings).encode()))
    return found
