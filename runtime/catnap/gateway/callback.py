"""What a skill may ask while it is at work: files, models, child calls, events.

Only a Grant opens these routes, and only while the call it was made for runs.
"""

from __future__ import annotations

import time

import msgspec

from catnap.access import Grant, Resource, bearer_token
from catnap.calls.accept import accept
from catnap.calls.call import JSON, Call, direct
from catnap.calls.ids import new_id
from catnap.errors import InvalidRequest, NotFound, Unauthenticated
from catnap.events.decode import decode
from catnap.files import Scope
from catnap.files.links import MAX_SECONDS, SECONDS
from catnap.gateway import callback_models, file_answers, workspaces
from catnap.gateway.at_work import PATH as AT_WORK
from catnap.gateway.door import allow
from catnap.gateway.gateway import Gateway, Writer, writing
from catnap.gateway.packages import (
    basic_password,
    check_packages,
    packages_file,
    packages_page,
)
from catnap.gateway.table import PUBLIC, Route, Table
from catnap.http import Request, Response


async def answer(gateway: Gateway, request: Request) -> Response:
    """Raises Unauthenticated, PermissionDenied, NotFound and MethodNotAllowed."""
    token, grant = _grant(gateway, request)
    found = ROUTES.find(request.method, request.path)
    if found.route.path == AT_WORK:  # another gateway asks: none is asked for it
        at_work = gateway.at_work.here(grant)
    else:
        at_work = await gateway.at_work.anywhere(grant, token)
    if not at_work:
        raise Unauthenticated(f"the Grant's call has ended: task {grant.task}")
    if found.route.action != PUBLIC:
        about = Resource(grant.tenant, grant.user, found.skill)
        allow(gateway, grant.principal(), found.route.action, about)
    return await found.route.handler(gateway, grant, request, *found.parts)


def _grant(gateway: Gateway, request: Request) -> tuple[str, Grant]:
    said = request.text(b"authorization")
    token = basic_password(said) or bearer_token(said)
    if token is None:
        raise Unauthenticated("a callback needs the Grant of the call it is made from")
    return token, gateway.grants.verify(token, time.time())


async def _says(gateway: Gateway, grant: Grant, request: Request) -> Response:
    return Response(204)


async def _list(gateway: Gateway, grant: Grant, request: Request, kind: str) -> Response:
    return await file_answers.listing(gateway.files, _scope(grant, kind), request)


async def _read(gateway: Gateway, grant: Grant, request: Request, kind: str, key: str) -> Response:
    return await file_answers.read(gateway.files, _scope(grant, kind), key, request)


async def _stat(gateway: Gateway, grant: Grant, request: Request, kind: str, key: str) -> Response:
    return await file_answers.stat(gateway.files, _scope(grant, kind), key, request)


async def _write(gateway: Gateway, grant: Grant, request: Request, kind: str, key: str) -> Response:
    return await file_answers.write(gateway.files, _scope(grant, kind), key, request)


async def _transfer(
    gateway: Gateway, grant: Grant, request: Request, kind: str, key: str
) -> Response:
    allow(gateway, grant.principal(), "files.read", Resource(grant.tenant, grant.user))

    def scope_of(kind: str) -> Scope:
        return _scope(grant, kind)

    return await file_answers.transfer(gateway.files, scope_of(kind), key, request, scope_of)


async def _remove(
    gateway: Gateway, grant: Grant, request: Request, kind: str, key: str
) -> Response:
    return await file_answers.remove(gateway.files, _scope(grant, kind), key, request)


async def _link_to_read(
    gateway: Gateway, grant: Grant, request: Request, kind: str, key: str
) -> Response:
    scope, roles = _scope(grant, kind), frozenset(grant.roles)
    usual = min(SECONDS, _left(grant))
    return await file_answers.download_link(gateway.sharing, scope, key, request, roles, usual)


async def _link_to_write(
    gateway: Gateway, grant: Grant, request: Request, kind: str, key: str
) -> Response:
    scope, roles = _scope(grant, kind), frozenset(grant.roles)
    most = min(MAX_SECONDS, _left(grant))
    return await file_answers.upload_link(gateway.sharing, scope, key, request, roles, most)


def _left(grant: Grant) -> int:
    """For how many seconds a link is good that ends with its call. One to write
    by never goes on; one to read by does where the skill says for how long,
    because whoever gets it with the answer follows it when the call is over."""
    end = grant.expires if grant.deadline is None else grant.deadline
    return max(1, int(end - time.time()) + AFTER)


async def _child(gateway: Gateway, grant: Grant, request: Request, name: str) -> Response:
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
    outcome = await gateway.pipeline.answer(call)
    headers = [(b"content-type", outcome.content_type.encode())]
    return Response(200, headers, outcome.data)


async def _emit(gateway: Gateway, grant: Grant, request: Request) -> Response:
    event = decode(request.headers, await request.body.read())
    event = event.extended(
        tenantid=grant.tenant, userid=grant.user, sessionid=grant.session or None
    )
    accepted = await accept(gateway.pipeline, event, grant.principal(), depth=grant.depth + 1)
    return Response.json(msgspec.json.encode(accepted), 202)


AFTER = 60
"""Seconds after its call's deadline for which a link is good: what was begun
by it may end."""

ROUTES = Table(
    (
        Route("GET", AT_WORK, PUBLIC, _says),
        Route("GET", "/callback/files/{scope}", "files.read", _list),
        Route("GET", "/callback/files/{scope}/{key...}", "files.read", _read),
        Route("HEAD", "/callback/files/{scope}/{key...}", "files.read", _stat),
        Route("PUT", "/callback/files/{scope}/{key...}", "files.write", _write),
        Route("POST", "/callback/files/{scope}/{key...}", "files.write", _transfer),
        Route("DELETE", "/callback/files/{scope}/{key...}", "files.write", _remove),
        Route("GET", "/callback/links/{scope}/{key...}", "files.read", _link_to_read),
        Route("POST", "/callback/links/{scope}/{key...}", "files.write", _link_to_write),
        *callback_models.ROUTES,
        Route("POST", "/callback/packages", "packages.use", check_packages),
        Route("GET", "/callback/packages/simple/{name}/", "packages.use", packages_page),
        Route("GET", "/callback/packages/files/{sha256}/{file}", "packages.use", packages_file),
        Route("POST", "/callback/skills/{skill}", "skills.call", _child),
        Route("POST", "/callback/events", "events.send", _emit),
        Route("POST", "/callback/workspace", "sessions.write", workspaces.claim),
    )
)
"""Their handlers are given the Grant for the caller."""


def _scope(grant: Grant, kind: str) -> Scope:
    writing.set(Writer(frozenset(grant.roles), grant.depth + 1, grant.skill))
    if kind == "user":
        return Scope(grant.tenant, grant.user)
    if kind == "task":
        return Scope(grant.tenant, grant.user, task=grant.task)
    if kind == "session":
        if not grant.session:
            raise InvalidRequest("this call has no session: its caller named none")
        return Scope(grant.tenant, grant.user, session=grant.session)
    raise NotFound(f"there is no scope {kind!r}: use user, session or task")
