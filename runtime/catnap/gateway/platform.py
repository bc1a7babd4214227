"""What runs, and changes to it: `/platform` over HTTP, for those who keep the
platform going."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import version
from urllib.parse import parse_qs, unquote

import msgspec

from catnap.access import Allowed, Principal, Resource, decide, effective_roles, require
from catnap.errors import InvalidRequest, NotFound, PermissionDenied
from catnap.events.ids import check_id
from catnap.gateway.callers import principal
from catnap.gateway.gateway import Gateway
from catnap.http import Request, Response
from catnap.http.errors import MethodNotAllowed
from catnap.services import traffic
from catnap.services.folder import FolderCatalog
from catnap.services.snapshot import Service

_METHODS = {
    (): ("GET",),
    ("skills", "*"): ("GET", "DELETE"),
    ("skills", "*", "traffic"): ("PUT",),
    ("skills", "*", "deploy"): ("POST",),
}
"""By the path's parts after `/platform`; `*` is a skill's name."""


class Seen(msgspec.Struct):
    """platform: local or knative. services: those that the caller may see.
    problems: why the newest source of a skill is not served, by skill; where it
    differs by tenant, for one of them. version: the gateway's."""

    platform: str
    services: list[Service]
    problems: Mapping[str, str] = {}
    version: str = ""


class _Wanted(msgspec.Struct):
    traffic: msgspec.Raw


async def answer(gateway: Gateway, request: Request, rest: list[str]) -> Response:
    """rest: the path's parts after `/platform`.

    `?tenant=` names another tenant than the caller's, where the caller may. A
    skill's ETag is its traffic's, where that may be changed here, and If-Match
    changes just that.
    """
    rest = [unquote(part) for part in rest]
    _check(request, rest)
    caller = await principal(gateway, request)
    asked = _asked(gateway, caller, request)
    tenant = asked or caller.tenant
    match (request.method, *rest):
        case ("GET",):
            return _seen(gateway, caller, asked)
        case ("GET", "skills", name):
            require(caller, "platform.read", Resource(tenant, skill=name))
        case ("PUT", "skills", name, "traffic"):
            require(caller, "platform.write", Resource(tenant, skill=name))
            version = (request.text(b"if-match") or "*").strip('"')
            await _route(gateway, tenant, name, await request.body.read(), version)
        case ("POST", "skills", name, "deploy"):
            await _folder(gateway, caller).deploy(name)
        case (_, "skills", name):
            await _folder(gateway, caller).delete(name)
            return Response(204)
    gateway.catalog.get(name, tenant)
    service = gateway.platform.look(tenant, name)
    response = Response.json(msgspec.json.encode(service))
    if isinstance(gateway.catalog, FolderCatalog):
        response.headers.append((b"etag", b'"%b"' % traffic.version(service.traffic).encode()))
    return response


def _check(request: Request, rest: list[str]) -> None:
    """Raises NotFound or MethodNotAllowed."""
    methods = _METHODS.get((*rest[:1], *("*" for _ in rest[1:2]), *rest[2:]))
    if methods is None:
        raise NotFound(
            f"there is nothing at {request.path!r}: GET /platform, GET or DELETE "
            "/platform/skills/<name>, PUT /platform/skills/<name>/traffic, "
            "POST /platform/skills/<name>/deploy"
        )
    if request.method not in methods:
        raise MethodNotAllowed(
            f"{request.method} is not answered at {request.path!r}: use {', '.join(methods)}",
            methods,
        )


def _asked(gateway: Gateway, caller: Principal, request: Request) -> str:
    """The tenant that is named; empty for none. Raises InvalidRequest,
    PermissionDenied, or NotFound for one that there is not."""
    asked = parse_qs(request.target.partition("?")[2]).get("tenant", [""])[0]
    if asked:
        require(caller, "platform.read", Resource(check_id("tenant", asked)))
        known = gateway.keys.tenants | {each.namespace for each in gateway.platform.status()}
        if asked not in known:
            raise NotFound(f"there is no tenant {asked!r}: there are {', '.join(sorted(known))}")
    return asked


def _seen(gateway: Gateway, caller: Principal, tenant: str) -> Response:
    require(caller, "platform.read", Resource(tenant or caller.tenant))
    services = [
        each
        for each in gateway.platform.snapshot()
        if tenant in ("", each.tenant)
        and isinstance(decide(caller, "platform.read", Resource(each.tenant)), Allowed)
    ]
    problems: dict[str, str] = {}
    for each in sorted({tenant or caller.tenant, *(each.tenant for each in services)}):
        problems |= gateway.catalog.problems(each)
    return Response.json(
        msgspec.json.encode(Seen(gateway.settings.platform, services, problems, _version()))
    )


async def _route(gateway: Gateway, tenant: str, name: str, body: bytes, version: str) -> None:
    catalog = _here(gateway)
    try:
        wanted = msgspec.json.decode(body, type=_Wanted)
        entries = msgspec.json.decode(wanted.traffic)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f'traffic: {error}: send {{"traffic": [...]}}') from None
    targets = traffic.parse(entries)
    await catalog.route(tenant, name, targets, "" if version == "*" else version)


def _folder(gateway: Gateway, caller: Principal) -> FolderCatalog:
    """Raises PermissionDenied for a caller of one tenant: every tenant has the
    skills of the folder."""
    folder = _here(gateway)
    require(caller, "platform.write", Resource(caller.tenant))
    if "admin" not in effective_roles(caller.roles):
        raise PermissionDenied(
            f"{caller.name} belongs to tenant {caller.tenant!r}, and a folder's skills are every "
            "tenant's: it takes role admin"
        )
    return folder


def _here(gateway: Gateway) -> FolderCatalog:
    if isinstance(gateway.catalog, FolderCatalog):
        return gateway.catalog
    raise InvalidRequest(
        "this gateway runs on a cluster and may not change what it runs there: "
        "`catnap deploy`, `catnap undeploy` and, with --kubeconfig, `catnap traffic` may"
    )


@functools.cache
def _version() -> str:
    """Of the code that was started, whatever is installed since."""
    return version("catnap-functions")
