"""TLS and certificates of clients, on both surfaces of a gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from catnap.access import Key
from catnap.access.mtls import ClientName
from catnap.client import Unreachable
from catnap.client.aio import connect
from catnap.errors import (
    CatnapError,
    InvalidRequest,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from catnap.gateway.gateway import Gateway
from catnap.gateway.routes import Routes
from catnap.gateway.rpc import serve_grpc
from catnap.gateway.settings import Settings, advertised
from catnap.http import Client, ConnectionLost, Server, Target
from catnap.http.server_tls import TlsFiles, server_context
from tests.authority import Authority, Pair

ADMIN = "admin-key-0123456789"
RIVAL = "rival-key-0123456789"
RULES = (
    ClientName(name="spiffe://acme.example/looks", tenant="acme", roles=("viewer",)),
    ClientName(name="spiffe://acme.example/*", tenant="acme", roles=("caller",), user="ada"),
)
NAME = "spiffe://acme.example/planner"
REFUSED = (Unavailable, ConnectionLost)


@dataclass
class World:
    gateway: Gateway
    authority: Authority
    files: TlsFiles
    http: Target
    grpc: str

    async def get(self, path: str, own: Pair | None = None, key: str = "") -> int:
        client = Client(tls=self.authority.trusted(own))
        fields = [(b"authorization", f"Bearer {key}".encode())] if key else []
        try:
            reply = await client.request(self.http, "GET", path, fields)
            await reply.read()
            return reply.status
        finally:
            await client.close()

    async def skills(self, own: Pair | None = None, key: str = "") -> list[str]:
        pair = {"cert": own.cert, "key": own.key} if own else {}
        async with connect(self.grpc, key, ca=self.authority.file, **pair) as catnap:
            return [each.name for each in await catnap.skills.list()]


@asynccontextmanager
async def running(
    folder: Path, *, clients: bool, rules: tuple[ClientName, ...] = RULES
) -> AsyncIterator[World]:
    authority = Authority(folder)
    files = authority.serving(clients=clients)
    (folder / "functions").mkdir()
    settings = Settings(
        home=folder / "home",
        functions=folder / "functions",
        admin_key=ADMIN,
        keys=(Key.of(RIVAL, name="rival", roles=("viewer",), tenant="rival"),),
        reload=False,
        models="127.0.0.1:1",
        tls=files,
        clients=rules,
    )
    async with AsyncExitStack() as parts:
        gateway = Gateway(settings, lambda _: None)
        parts.push_async_callback(gateway.stop)
        routes = Routes(gateway)
        parts.push_async_callback(routes.close)
        server = Server(routes)
        _, port = await server.listen(host="127.0.0.1", tls=server_context(files))
        parts.push_async_callback(server.drain, 1)
        await gateway.start("127.0.0.1:1", egress="")
        rpc = await serve_grpc(gateway, "127.0.0.1:0")
        parts.push_async_callback(rpc.stop, 0)
        where = Target("localhost", port, tls=True)
        yield World(gateway, authority, files, where, f"https://localhost:{rpc.port}")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running(tmp_path, clients=True) as world:
        yield world


async def test_both_surfaces_speak_tls_with_keys_as_ever(tmp_path: Path) -> None:
    async with running(tmp_path, clients=False) as world:
        assert await world.get("/skills", key=ADMIN) == 200
        assert await world.get("/skills") == 401
        assert await world.skills(key=ADMIN) == []
        with pytest.raises(Unauthenticated):
            await world.skills()


async def test_nobody_is_answered_without_tls(tmp_path: Path) -> None:
    async with running(tmp_path, clients=False) as world:
        client = Client()
        with pytest.raises(CatnapError):
            await client.request(Target("127.0.0.1", world.http.port), "GET", "/healthz")
        await client.close()
        async with connect(world.grpc.removeprefix("https://"), ADMIN) as plain:
            with pytest.raises(Unreachable):
                await plain.skills.list()


async def test_a_certificate_with_a_name_that_a_rule_is_about_needs_no_key(world: World) -> None:
    own = world.authority.issue("planner", NAME)
    assert await world.get("/skills", own) == 200
    assert await world.skills(own) == []


async def test_its_rules_roles_and_tenant_bind_it_on_both(world: World) -> None:
    own = world.authority.issue("looks", "spiffe://acme.example/looks")
    assert await world.get("/audit", own) == 403
    assert await world.get("/keys?tenant=rival", own) == 403
    async with connect(
        world.grpc, "", ca=world.authority.file, cert=own.cert, key=own.key
    ) as catnap:
        with pytest.raises(PermissionDenied, match="certificate of spiffe://acme"):
            await catnap.submit("none", {})


async def test_a_name_without_a_rule_is_nobody_on_both_and_in_the_audit(world: World) -> None:
    own = world.authority.issue("stranger", "spiffe://other.example/planner")
    assert await world.get("/skills", own) == 401
    with pytest.raises(Unauthenticated, match="is of spiffe://other"):
        await world.skills(own)
    await world.gateway.audit.flush()
    found = await world.gateway.audit.newest([""], [], "", ("9999", "", 0))
    denied = [row.link.read() for row in found]
    assert {each.request for each in denied} >= {"GET /skills"}
    assert all("spiffe://other.example/planner" in each.detail for each in denied)


async def test_another_authoritys_an_expired_one_and_none_are_refused_on_both(
    world: World, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "other")
    past = world.authority.issue("past", NAME, lasts=timedelta(days=-1))
    for own in (other.issue("forged", NAME), past, None):
        with pytest.raises(REFUSED):
            await world.get("/healthz", own, ADMIN)
        with pytest.raises(Unreachable):
            await world.skills(own, ADMIN)


async def test_beside_a_certificate_a_key_says_who_calls_and_a_bad_one_is_refused(
    world: World,
) -> None:
    own = world.authority.issue("planner", NAME)
    assert await world.get("/audit?tenant=rival", own, ADMIN) == 200
    assert await world.get("/skills", own, RIVAL) == 200
    assert await world.get("/skills", own, "no-key-of-anybody-01234") == 401
    assert await world.skills(own, RIVAL) == []
    with pytest.raises(Unauthenticated):
        await world.skills(own, "no-key-of-anybody-01234")


async def test_both_show_a_renewed_certificate_and_trust_a_renewed_authority(
    world: World, tmp_path: Path
) -> None:
    own = world.authority.issue("planner", NAME)
    assert await world.get("/skills", own) == 200
    assert await world.skills(own) == []
    successor = Authority(tmp_path, "successor")
    successor.issue("server", "localhost", files=Pair(world.files.cert, world.files.key))
    assert world.files.client_ca
    world.files.client_ca.write_bytes(successor.file.read_bytes())
    world.authority = successor
    with pytest.raises(REFUSED):
        await world.get("/skills", own)
    with pytest.raises(Unreachable):
        await world.skills(own)
    new = successor.issue("new", NAME)
    assert await world.get("/skills", new) == 200
    assert await world.skills(new) == []


async def test_a_server_that_is_not_trusted_is_sent_nothing(tmp_path: Path) -> None:
    other = Authority(tmp_path, "other")
    async with running(tmp_path, clients=False) as world:
        world.authority = other
        with pytest.raises(Unavailable, match="certificate verify failed"):
            await world.get("/skills", key=ADMIN)
        with pytest.raises(Unreachable):
            await world.skills(key=ADMIN)


async def test_metrics_need_a_key_as_soon_as_one_address_is_not_this_machines(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, clients=False) as world:
        assert await world.get("/metrics") == 200
        world.gateway.settings = replace(world.gateway.settings, plain="0.0.0.0:8080")
        assert await world.get("/metrics") == 401
        assert await world.get("/metrics", key=ADMIN) == 200


def test_gateways_that_ask_one_another_say_where_without_tls(tmp_path: Path) -> None:
    files = TlsFiles(tmp_path / "cert", tmp_path / "key")
    settings = Settings(home=tmp_path, tls=files, advertise="one.example")
    with pytest.raises(InvalidRequest, match="CATNAP_CALLBACK"):
        advertised(settings, "127.0.0.1:8081")
    said = replace(settings, callback="0.0.0.0:8081")
    assert advertised(said, "127.0.0.1:8081") == "one.example:8081"
