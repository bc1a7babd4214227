"""Files for who has a credential, or a link to one of them.

    /files?prefix=&page_size=&page_token=     the user's own, by key
    /files/<scope>?prefix=                    those of a scope
    /files/<scope>/<key>                      one of them
    /links/<scope>/<key>                      a link to it

scope is `user`, `session:<id>` or `task:<id>`; whose it is says `Catnap-User`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from catnap.access import Principal, Resource, acting_for
from catnap.errors import PermissionDenied
from catnap.files import Link, Scope, check_key
from catnap.files.scopes import named
from catnap.gateway import file_answers
from catnap.gateway.callers import principal
from catnap.gateway.door import allow
from catnap.gateway.gateway import Gateway, Writer, writing
from catnap.gateway.query import read_query
from catnap.gateway.table import Route, Table
from catnap.http import Request, Response


async def holder(gateway: Gateway, request: Request) -> Principal:
    """Who has a link, if the request is one that it allows; else who has a
    credential. Raises Unauthenticated, and PermissionDenied where the link is
    for something else."""
    link = _link(gateway, request)
    if link is None:
        return await principal(gateway, request)
    method, path = request.method, request.path
    if link.method != ("GET" if method == "HEAD" else method):
        raise PermissionDenied(f"the link allows {link.method}, not {method}")
    kind, key = _LINKED.find(method, path).parts
    if kind != link.scope.name or check_key(key) != link.key:
        raise PermissionDenied("the link is for another file")
    if request.text(b"catnap-user") not in (None, link.user):
        raise PermissionDenied("the link is for another user's file")
    return Principal(link.tenant, link.user, frozenset(link.roles), "a link to a file")


def _link(gateway: Gateway, request: Request) -> Link | None:
    signed = read_query(request).get("sig")
    return gateway.links.verify(signed, time.time()) if signed else None


async def list_own(gateway: Gateway, caller: Principal, request: Request) -> Response:
    return await list_scope(gateway, caller, request, "user")


async def list_scope(gateway: Gateway, caller: Principal, request: Request, kind: str) -> Response:
    return await file_answers.listing(gateway.files, _scope(caller, request, kind), request)


async def read(
    gateway: Gateway, caller: Principal, request: Request, kind: str, key: str
) -> Response:
    return await file_answers.read(gateway.files, _scope(caller, request, kind), key, request)


async def stat(
    gateway: Gateway, caller: Principal, request: Request, kind: str, key: str
) -> Response:
    return await file_answers.stat(gateway.files, _scope(caller, request, kind), key, request)


async def write(
    gateway: Gateway, caller: Principal, request: Request, kind: str, key: str
) -> Response:
    scope, link = _scope(caller, request, kind), _link(gateway, request)
    return await file_answers.write(gateway.files, scope, key, request, link)


async def transfer(
    gateway: Gateway, caller: Principal, request: Request, kind: str, key: str
) -> Response:
    allow(gateway, caller, "files.read", Resource(caller.tenant))
    scope_of = _scopes(caller, request)
    return await file_answers.transfer(gateway.files, scope_of(kind), key, request, scope_of)


async def remove(
    gateway: Gateway, caller: Principal, request: Request, kind: str, key: str
) -> Response:
    return await file_answers.remove(gateway.files, _scope(caller, request, kind), key, request)


async def link_to_read(
    gateway: Gateway, caller: Principal, request: Request, kind: str, key: str
) -> Response:
    scope = _scope(caller, request, kind)
    return await file_answers.download_link(gateway.sharing, scope, key, request, caller.roles)


async def link_to_write(
    gateway: Gateway, caller: Principal, request: Request, kind: str, key: str
) -> Response:
    scope = _scope(caller, request, kind)
    return await file_answers.upload_link(gateway.sharing, scope, key, request, caller.roles)


def _scope(caller: Principal, request: Request, kind: str) -> Scope:
    return _scopes(caller, request)(kind)


def _scopes(caller: Principal, request: Request) -> Callable[[str], Scope]:
    """From a scope's name in a URL to the caller's scope."""
    user = acting_for(caller, request.text(b"catnap-user") or "")
    writing.set(Writer(caller.roles))
    return lambda kind: named(caller.tenant, user, kind)


_FILE, _LINK = "/files/{scope}/{key...}", "/links/{scope}/{key...}"
ROUTES = (
    Route("GET", "/files", "files.read", list_own),
    Route("GET", "/files/{scope}", "files.read", list_scope),
    Route("GET", _FILE, "files.read", read, holder),
    Route("HEAD", _FILE, "files.read", stat, holder),
    Route("PUT", _FILE, "files.write", write, holder),
    Route("POST", _FILE, "files.write", transfer),
    Route("DELETE", _FILE, "files.write", remove),
    Route("GET", _LINK, "files.read", link_to_read),
    Route("POST", _LINK, "files.write", link_to_write),
)
_LINKED = Table(ROUTES)
