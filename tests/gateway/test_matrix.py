"""Who may do what: every route and every method, asked by every role, for its own
tenant and user and for others.

The routes are those of the code and the methods those that the server names, so
that whatever is added has to be decided in tests/gateway/decisions.py.
"""

from __future__ import annotations

import inspect
import json
import pkgutil
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message
from grpc import aio
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

import catnap.v1
from catnap.access import Grant, Key
from catnap.gateway import callback, routes
from catnap.gateway.gateway import Gateway
from catnap.gateway.rpc import serve_grpc
from catnap.gateway.table import Table
from catnap.http import Client, Target
from tests.access.test_decision import COLUMNS, MATRIX
from tests.gateway.decisions import (
    ACT_FOR_USERS,
    ADMIN_ONLY,
    CALLBACKS,
    GRPC,
    HTTP,
    NEUTRAL,
    PUBLIC,
    WHOSE,
)
from tests.gateway.local import started

pytestmark = pytest.mark.asyncio(loop_scope="module")

TENANTS = ("acme", "rival")
USERS = (None, "ada", "bob")
NOBODY = "role-of-no-platform"
KEYS = tuple(
    Key.of(f"{tenant}-{user}-{role}-secret", name="x", roles=(role,), tenant=tenant, user=user)
    for tenant in TENANTS
    for user in USERS
    for role in (*COLUMNS, NOBODY)
)

Asked = dict[tuple[str, str], str]
"""`allowed`, `denied` or `unknown` (who it is), by route and role."""


def key(role: str, tenant: str = "acme", user: str | None = None) -> str:
    return f"{tenant}-{user}-{role}-secret"


def expected(action: str, role: str) -> str:
    if action == PUBLIC:
        return "allowed"
    if role == NOBODY:
        return "denied"
    return "allowed" if MATRIX[action][COLUMNS.index(role)] != " " else "denied"


@dataclass
class World:
    gateway: Gateway
    where: Target
    client: Client
    channel: aio.Channel

    async def http(
        self, route: str, bearer: str, query: str = "", body: bytes = b"{}", **headers: str
    ) -> str:
        method, path = route.split()
        path = re.sub(r"\{(\w+)(\.\.\.)?\}", lambda part: _PARTS.get(part[1], "none"), path)
        fields = [(b"authorization", f"Bearer {bearer}".encode())] if bearer else []
        fields += [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
        reply = await self.client.request(self.where, method, path + query, fields, body)
        await reply.read()
        return {401: "unknown", 403: "denied"}.get(reply.status, "allowed")

    async def grpc(self, method: str, bearer: str, request: Message | None = None) -> str:
        """The first answer's status; every kind of method takes one request."""
        message = request.SerializeToString() if request else b""
        metadata = (("authorization", f"Bearer {bearer}"),) if bearer else ()
        call = self.channel.stream_stream(method)(iter((message,)), timeout=20, metadata=metadata)
        try:
            await call.read()
        except aio.AioRpcError as error:
            code = error.code()
        else:
            code = await call.code() if call.done() else grpc.StatusCode.OK
        finally:
            call.cancel()
        assert code is not grpc.StatusCode.DEADLINE_EXCEEDED, method
        return _CODES.get(code, "allowed")

    @contextmanager
    def grant(self, role: str, tenant: str = "acme", user: str = "ada") -> Iterator[str]:
        """Of a call that is at work."""
        task = f"task-of-{tenant}-{user}-{role}"
        grant = Grant(tenant=tenant, user=user, task=task, expires=4e9, roles=(role,))
        with self.gateway.pipeline.live.call(task):
            yield self.gateway.grants.issue(grant)


_PARTS = {"scope": "user"}
_CODES = {
    grpc.StatusCode.UNAUTHENTICATED: "unknown",
    grpc.StatusCode.PERMISSION_DENIED: "denied",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("matrix")
    (folder / "functions").mkdir()
    async with started(folder, keys=KEYS) as (gateway, where):
        rpc = await serve_grpc(gateway, "127.0.0.1:0")
        client = Client()
        async with aio.insecure_channel(f"127.0.0.1:{rpc.port}") as channel:
            yield World(gateway, where, client, channel)
        await client.close()
        await rpc.stop(0)


def of(table: Table) -> set[str]:
    return {f"{route.method} {route.path}" for route in table}


async def methods(world: World) -> dict[str, MethodDescriptor]:
    """Those that the server says it has, and those of every proto of ours."""
    ask = reflection_pb2.ServerReflectionRequest(list_services="*")
    stub = reflection_pb2_grpc.ServerReflectionStub(world.channel)  # type: ignore[no-untyped-call]
    [answer] = [each async for each in stub.ServerReflectionInfo(iter((ask,)))]
    names = {each.name for each in answer.list_services_response.service}
    for each in pkgutil.iter_modules(catnap.v1.__path__):
        if each.name.endswith("_pb2"):
            module = import_module(f"catnap.v1.{each.name}")
            names |= {found.full_name for found in module.DESCRIPTOR.services_by_name.values()}
    services = map(descriptor_pool.Default().FindServiceByName, names)
    return {
        f"/{service.full_name}/{method.name}": method
        for service in services
        for method in service.methods
    }


async def test_whatever_there_is_has_been_decided(world: World) -> None:
    assert of(routes.ROUTES) ^ set(HTTP) == set()
    assert of(callback.ROUTES) ^ set(CALLBACKS) == set()
    assert set(await methods(world)) ^ set(GRPC) == set()


async def test_each_handler_takes_what_its_path_gives() -> None:
    for route in (*routes.ROUTES, *callback.ROUTES):
        inspect.signature(route.handler).bind(None, None, None, *route.parts)


async def test_each_role_opens_its_routes_and_no_others(world: World) -> None:
    got: Asked = {}
    want: Asked = {}
    for route, action in HTTP.items():
        for role in (*COLUMNS, NOBODY):
            got[route, role] = await world.http(route, key(role))
            want[route, role] = expected(action, role)
            if route in ADMIN_ONLY and role != "admin":
                want[route, role] = "denied"
        for bearer in ("", "a-key-that-nobody-has", "cg1.a.b"):
            got[route, bearer] = await world.http(route, bearer)
            want[route, bearer] = "allowed" if action == PUBLIC else "unknown"
    assert _differences(want, got) == {}


async def test_each_role_opens_its_methods_and_no_others(world: World) -> None:
    got: Asked = {}
    want: Asked = {}
    for method, action in GRPC.items():
        for role in (*COLUMNS, NOBODY):
            got[method, role] = await world.grpc(method, key(role))
            want[method, role] = expected(action, role)
        for bearer in ("", "a-key-that-nobody-has", "cg1.a.b"):
            got[method, bearer] = await world.grpc(method, bearer)
            want[method, bearer] = "allowed" if action == PUBLIC else "unknown"
    assert _differences(want, got) == {}


async def test_a_grant_opens_callbacks_by_its_roles_and_nothing_else(world: World) -> None:
    got: Asked = {}
    want: Asked = {}
    for role in (*COLUMNS, NOBODY):
        with world.grant(role) as grant:
            for route, action in CALLBACKS.items():
                # Its manifest names none of these, and no model, whatever its roles.
                if "/packages" in route or route.endswith("/v1/embeddings"):
                    action = ""
                got[route, role] = await world.http(route, grant)
                want[route, role] = expected(action, role) if action else "denied"
            for route, action in HTTP.items():
                got[route, role] = await world.http(route, grant)
                want[route, role] = "allowed" if action == PUBLIC else "unknown"
            for method, action in GRPC.items():
                got[method, role] = await world.grpc(method, grant)
                want[method, role] = "allowed" if action == PUBLIC else "unknown"
        for route in CALLBACKS:
            got[route, f"{role}, ended"] = await world.http(route, grant)
            got[route, f"{role}'s key"] = await world.http(route, key(role))
            want[route, f"{role}, ended"] = want[route, f"{role}'s key"] = "unknown"
    assert _differences(want, got) == {}


async def test_another_tenant_is_an_admins_alone(world: World) -> None:
    named = [each for each in routes.ROUTES if each.any_tenant]
    got: Asked = {}
    want: Asked = {}
    for route in (f"{each.method} {each.path}" for each in named):
        for role in (*COLUMNS, NOBODY):
            got[route, role] = await world.http(route, key(role), "?tenant=rival")
            want[route, role] = "allowed" if role == "admin" else "denied"
            got[route, f"own {role}"] = await world.http(route, key(role), "?tenant=acme")
            want[route, f"own {role}"] = expected(HTTP[route], role)
    assert _differences(want, got) == {}


async def test_no_route_acts_for_another_user(world: World) -> None:
    got: Asked = {}
    want: Asked = {}
    for route in ACT_FOR_USERS:
        for role in COLUMNS:
            for user in ("ada", "bob"):
                got[route, f"{role} as {user}"] = await world.http(
                    route, key(role, user="ada"), catnap_user=user, body=_event(), **_EVENT
                )
                own = expected(HTTP[route], role) if user == "ada" else "denied"
                want[route, f"{role} as {user}"] = own
    assert _differences(want, got) == {}


async def test_no_event_is_for_another_tenant_or_user(world: World) -> None:
    got: Asked = {}
    want: Asked = {}
    for route in ("POST /skills/{skill}", "POST /events", "POST /events/{skill}/{trigger}"):
        for role in COLUMNS:
            for said in ({"tenantid": "rival"}, {"userid": "bob"}, {"userid": "ada"}):
                asked = route, f"{role} {said}"
                body = _event(**said)
                got[asked] = await world.http(route, key(role, user="ada"), body=body, **_EVENT)
                own = said == {"userid": "ada"}
                want[asked] = expected(HTTP[route], role) if own else "denied"
    assert _differences(want, got) == {}


async def test_no_method_acts_for_another_user(world: World) -> None:
    got: Asked = {}
    want: Asked = {}
    for name, method in (await methods(world)).items():
        if not name.startswith("/catnap.v1.") or not _names_user(method.input_type):
            continue
        for role in COLUMNS:
            for user in ("ada", "bob"):
                request = message_factory.GetMessageClass(method.input_type)()
                _set_user(request, user)
                got[name, f"{role} as {user}"] = await world.grpc(
                    name, key(role, user="ada"), request
                )
                own = expected(GRPC[name], role) if user == "ada" else "denied"
                want[name, f"{role} as {user}"] = own
    assert len({name for name, _ in want}) >= 8
    assert _differences(want, got) == {}


async def test_every_text_that_a_request_holds_is_known_to_name_whose_or_what(
    world: World,
) -> None:
    found = await methods(world)
    ours = (each.input_type for name, each in found.items() if name.startswith("/catnap.v1."))
    assert {field.name for each in ours for field in _texts(each)} == WHOSE | NEUTRAL


_EVENT = {"content_type": "application/cloudevents+json"}


def _event(**said: str) -> bytes:
    needed = {"specversion": "1.0", "id": "1", "source": "/t", "type": "t"}
    return json.dumps(needed | said).encode()


def _differences(want: Asked, got: Asked) -> dict[tuple[str, str], tuple[str, str]]:
    assert want.keys() == got.keys()
    return {each: (want[each], got[each]) for each in want if want[each] != got[each]}


def _texts(message: Descriptor, seen: frozenset[str] = frozenset()) -> Iterator[FieldDescriptor]:
    for field in message.fields:
        if field.message_type is None:
            if field.type == FieldDescriptor.TYPE_STRING:
                yield field
        elif field.message_type.full_name not in seen:
            yield from _texts(field.message_type, seen | {message.full_name})


def _names_user(message: Descriptor) -> bool:
    return any(field.name == "user" for field in _texts(message))


def _set_user(message: Any, user: str) -> None:
    for field in message.DESCRIPTOR.fields:
        if field.name == "user":
            message.user = user
        elif field.message_type is not None and _names_user(field.message_type):
            _set_user(getattr(message, field.name), user)
