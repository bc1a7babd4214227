"""What a skill may ask while it is at work: files, models, child calls, events.

Only a Grant opens these routes, and only while the call it was made for runs.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qs, unquote

import msgspec

from catnap.access import Grant, bearer_token
from catnap.calls.accept import accept
from catnap.calls.call import JSON, Call, direct
from catnap.calls.ids import new_id
from catnap.errors import InvalidRequest, NotFound, PermissionDenied, Unauthenticated
from catnap.events.decode import decode
from catnap.files import Scope, Stat, to_file
from catnap.gateway.gateway import Gateway, Writer, writing
from catnap.http import Request, Response
from catnap.skills.files import Page


class _EmbedRequest(msgspec.Struct):
    texts: list[str]


class Callback:
    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, request: Request, rest: list[str]) -> Response:
        """rest: the path's parts after `/callback`, as they were sent."""
        grant = self._grant(request)
        match (request.method, *rest):
            case (method, "files", scope, *key):
                writing.set(Writer(frozenset(grant.roles), grant.depth + 1))
                return await self._files(method, request, _scope(grant, scope), key)
            case ("POST", "models", model, "embed"):
                return await self._embed(request, grant, unquote(model))
            case ("POST", "skills", name):
                return await self._child(request, grant, unquote(name))
            case ("POST", "events"):
                return await self._emit(request, grant)
        raise NotFound(f"there is nothing at {request.method} {request.path!r}")

    def _grant(self, request: Request) -> Grant:
        token = bearer_token(request.text(b"authorization"))
        if token is None:
            raise Unauthenticated("a callback needs the Grant of the call it is made from")
        grant = self._gateway.grants.verify(token, time.time())
        if grant.task not in self._gateway.pipeline.live:
            raise Unauthenticated(f"the Grant's call has ended: task {grant.task}")
        return grant

    async def _files(
        self, method: str, request: Request, scope: Scope, parts: list[str]
    ) -> Response:
        files = self._gateway.files
        key = unquote("/".join(parts))
        if not parts and method == "GET":
            query = parse_qs(request.target.partition("?")[2])
            page = await files.list(
                scope,
                query.get("prefix", [""])[0],
                page_token=query.get("page_token", [""])[0],
            )
            found = Page([to_file(stat) for stat in page.files], page.next)
            return Response.json(msgspec.json.encode(found))
        if method == "GET":
            stat, content = await files.get(scope, key)
            return Response(200, _about(stat), content)
        if method == "HEAD":
            return Response(200, _about(await files.stat(scope, key)))
        if method == "PUT":
            written = await files.put(
                scope,
                key,
                request.body,
                content_type=request.text(b"content-type") or "",
                if_match=request.text(b"if-match") or "",
                if_none_match=request.text(b"if-none-match") or "",
            )
            return Response.json(msgspec.json.encode(to_file(written.stat)))
        if method == "DELETE":
            await files.delete(scope, key, if_match=request.text(b"if-match") or "")
            return Response(204)
        raise NotFound(f"there is nothing at {method} {request.path!r}")

    async def _embed(self, request: Request, grant: Grant, model: str) -> Response:
        if model not in grant.models:
            raise PermissionDenied(
                f"skill {grant.skill!r} may not ask model {model!r}: allow it in its "
                "skill.toml, under [models]"
            )
        body = await request.body.read()
        try:
            asked = msgspec.json.decode(body, type=_EmbedRequest)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(f"embed: {error}") from None
        entry = self._gateway.models.embedder(model)
        left = None if grant.deadline is None else max(0.0, grant.deadline - time.time())
        answer = await entry.server.embed(entry.name, asked.texts, left)
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"catnap-dimensions", b"%d" % answer.dimensions),
            (b"catnap-tokens", b"%d" % sum(answer.tokens)),
        ]
        return Response(200, headers, answer.data)

    async def _child(self, request: Request, grant: Grant, name: str) -> Response:
        body = await request.body.read()
        task = new_id()
        call = Call(
            id=task,
            principal=grant.principal(),
            skill=name,
            user=grant.user,
            session=grant.session,
            event=direct(task, name, body, request.text(b"content-type") or ""),
            deadline=grant.deadline,
            parent=grant.task,
            depth=grant.depth + 1,
            traceparent=grant.traceparent,
            accept=JSON,
        )
        outcome = await self._gateway.pipeline.answer(call)
        headers = [(b"content-type", outcome.content_type.encode())]
        return Response(200, headers, outcome.data)

    async def _emit(self, request: Request, grant: Grant) -> Response:
        event = decode(request.headers, await request.body.read())
        event = event.extended(
            tenantid=grant.tenant, userid=grant.user, sessionid=grant.session or None
        )
        accepted = await accept(
            self._gateway.pipeline, event, grant.principal(), depth=grant.depth + 1
        )
        return Response.json(msgspec.json.encode(accepted), 202)


def _scope(grant: Grant, kind: str) -> Scope:
    if kind == "user":
        return Scope(grant.tenant, grant.user)
    if kind == "task":
        return Scope(grant.tenant, grant.user, task=grant.task)
    if kind == "session":
        if not grant.session:
            raise InvalidRequest("this call has no session: its caller named none")
        return Scope(grant.tenant, grant.user, session=grant.session)
    raise NotFound(f"there is no scope {kind!r}: use user, session or task")


def _about(stat: Stat) -> list[tuple[bytes, bytes]]:
    file = to_file(stat)
    return [
        (b"content-type", file.content_type.encode()),
        (b"etag", b'"%b"' % file.etag.encode()),
        (b"catnap-size", b"%d" % file.size),
        (b"catnap-modified", file.modified.encode()),
    ]
