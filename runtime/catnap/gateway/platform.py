"""What runs, and changes to it: `/platform` over HTTP, for those who keep the
platform going."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib.metadata import version

import msgspec

from catnap.access import Allowed, Principal, Resource, asking, decide, effective_roles
from catnap.errors import InvalidRequest, NotFound, PermissionDenied
from catnap.gateway.door import asked_tenant
from catnap.gateway.gateway import Gateway
from catnap.http import Request, Response
from catnap.services import traffic
from catnap.services.folder import FolderCatalog
from catnap.services.snapshot import Service


class Seen(msgspec.Struct):
    """platform: local or knative. services: those that the caller may see.
    problems: why the newest source of a skill is not served, by skill; where it
    differs by tenant, for one of them. version: the gateway's. models: why
    models.toml as it is now is not taken up, to who is an admin."""

    platform: str
    services: list[Service]
    problems: Mapping[str, str] = {}
    version: str = ""
    models: str = ""


class _Wanted(msgspec.Struct):
    traffic: msgspec.Raw


async def see(gateway: Gateway, caller: Principal, request: Request) -> Response:
    """Of the tenant that is named, or of all that the caller may see."""
    tenant = _asked(gateway, caller, request)
    services = [
        each
        for each in gateway.platform.snapshot()
        if tenant in ("", each.tenant) and _may_see(caller, each.tenant)
    ]
    problems: dict[str, str] = {}
    for each in sorted({tenant or caller.tenant, *(each.tenant for each in services)}):
        problems |= gateway.catalog.problems(each)
    models = gateway.shared_models.problem if "admin" in effective_roles(caller.roles) else ""
    seen = Seen(gateway.settings.platform, services, problems, _version(), models)
    return Response.json(msgspec.json.encode(seen))


async def look(gateway: Gateway, caller: Principal, request: Request, name: str) -> Response:
    """A skill, with its traffic's ETag where that may be changed here."""
    tenant = _asked(gateway, caller, request) or caller.tenant
    gateway.catalog.get(name, tenant)
    service = gateway.platform.look(tenant, name)
    response = Response.json(msgspec.json.encode(service))
    if isinstance(gateway.catalog, FolderCatalog):
        response.headers.append((b"etag", b'"%b"' % traffic.version(service.traffic).encode()))
    return response


async def route(gateway: Gateway, caller: Principal, request: Request, name: str) -> Response:
    """If-Match changes just the traffic that has that ETag."""
    tenant = _asked(gateway, caller, request) or caller.tenant
    version = (request.text(b"if-match") or "*").strip('"')
    await _route(gateway, tenant, name, await request.body.read(), version)
    return await look(gateway, caller, request, name)


async def deploy(gateway: Gateway, caller: Principal, request: Request, name: str) -> Response:
    await _folder(gateway, caller).deploy(name)
    return await look(gateway, caller, request, name)


async def delete(gateway: Gateway, caller: Principal, request: Request, name: str) -> Response:
    await _folder(gateway, caller).delete(name)
    return Response(204)


def _may_see(caller: Principal, tenant: str) -> bool:
    return isinstance(decide(caller, "platform.read", Resource(tenant)), Allowed)


def _asked(gateway: Gateway, caller: Principal, request: Request) -> str:
    """The tenant that is named; empty for none. Raises NotFound for one that
    there is not, naming those that the caller may see."""
    asked = asked_tenant(request)
    if asked:
        known = gateway.keys.tenants | {each.namespace for each in gateway.platform.status()}
        if asked not in known:
            seen = ", ".join(each for each in sorted(known) if _may_see(caller, each))
            raise NotFound(f"there is no tenant {asked!r}: there are {seen or 'none yet'}")
    return asked


async def _route(gateway: Gateway, tenant: str, name: str, body: bytes, version: str) -> None:
    catalog = _here(gateway)
    try:
        wanted = msgspec.json.decode(body, type=_Wanted)
        entries = msgspec.json.decode(wanted.traffic)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f'traffic: {error}: send {{"traffic": [...]}}') from None
    asking.detail(f"traffic {bytes(wanted.traffic).decode()}")
    targets = traffic.parse(entries)
    await catalog.route(tenant, name, targets, "" if version == "*" else version)


def _folder(gateway: Gateway, caller: Principal) -> FolderCatalog:
    """Raises PermissionDenied for a caller of one tenant: every tenant has the
    skills of the folder."""
    folder = _here(gateway)
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
