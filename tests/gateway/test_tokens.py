"""A token of an OIDC issuer is good on every surface, and a forged one on none."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from catnap.access import Credentials, oidc
from catnap.client.aio import connect
from catnap.errors import PermissionDenied, Unauthenticated
from catnap.gateway.rpc import serve_grpc
from catnap.http import Client, Target
from tests.access.issuer import AUDIENCE, OTHER_RSA, Issuer, serving
from tests.gateway.local import started

MAIN = """
from catnap import skill
@skill
def main(ctx, request: dict) -> str: return f"{ctx.tenant} {ctx.user}"
"""
MANIFEST = """
name = "who"
description = "Tells who asks."
[[triggers.events]]
name = "asked"
types = ["test.asked"]
"""
EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/test",
    "ce-type": "test.asked",
    "content-type": "application/json",
}


@dataclass
class World:
    issuer: Issuer
    where: Target
    grpc: str
    client: Client

    def token(self, *, forged: bool = False, **claims: object) -> str:
        now = time.time()
        said = {"exp": now + 600, "iat": now, "groups": ["core"], **claims}
        return self.issuer.token(key=OTHER_RSA if forged else None, **said)

    async def post(self, path: str, token: str, **headers: str) -> tuple[int, object]:
        fields = [(b"authorization", f"Bearer {token}".encode())]
        fields += [(name.encode(), value.encode()) for name, value in headers.items()]
        reply = await self.client.request(self.where, "POST", path, fields, b"{}")
        return reply.status, json.loads(await reply.read())


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    skill = tmp_path / "skills" / "who"
    skill.mkdir(parents=True)
    (skill / "skill.toml").write_text(MANIFEST)
    (skill / "main.py").write_text(MAIN)
    client = Client()
    with serving() as issuer:
        trusted = oidc.Issuer(
            issuer=issuer.url,
            audience=AUDIENCE,
            tenant_claim="org",
            tenants=("acme",),
            role_claim="groups",
            role_map={"core": ("caller",), "look": ("viewer",)},
        )
        async with started(tmp_path, skill) as (gateway, where):
            gateway.credentials = Credentials(gateway.keys, issuers=[trusted])
            rpc = await serve_grpc(gateway, "127.0.0.1:0")
            yield World(issuer, where, f"127.0.0.1:{rpc.port}", client)
            await rpc.stop(0)
            await client.close()


async def test_a_token_is_good_on_every_surface(world: World) -> None:
    token = world.token()
    assert await world.post("/skills/who", token) == (200, "acme ada")
    async with connect(world.grpc, token) as catnap:
        assert (await catnap.invoke("who", {})).json() == "acme ada"
    for path in ("/events", "/events/who/asked"):
        status, said = await world.post(path, token, **EVENT)
        assert (status, len(said["tasks"])) == (202, 1)


async def test_a_forged_one_is_good_on_none(world: World) -> None:
    token = world.token(forged=True)
    assert (await world.post("/skills/who", token))[0] == 401
    async with connect(world.grpc, token) as catnap:
        with pytest.raises(Unauthenticated, match="signature is wrong"):
            await catnap.invoke("who", {})
    for path in ("/events", "/events/who/asked"):
        assert (await world.post(path, token, **EVENT))[0] == 401


async def test_its_roles_and_its_user_bind_it_as_they_do_a_key(world: World) -> None:
    assert (await world.post("/skills/who", world.token(groups=["look"])))[0] == 403
    assert (await world.post("/skills/who", world.token(groups=[])))[0] == 403
    other = {"catnap-user": "bob"}
    assert (await world.post("/skills/who", world.token(), **other))[0] == 403
    assert (await world.post("/skills/who", world.token(org="rival")))[0] == 401
    async with connect(world.grpc, world.token(groups=["look"])) as catnap:
        with pytest.raises(PermissionDenied, match="role viewer"):
            await catnap.invoke("who", {})


async def test_a_token_that_was_taken_is_refused_once_its_users_credentials_were_ended(
    world: World,
) -> None:
    token = world.token()
    assert (await world.post("/skills/who", token))[0] == 200
    fields = [(b"authorization", b"Bearer admin-key-0123456789")]
    path = "/users/ada/credentials?tenant=acme"
    reply = await world.client.request(world.where, "DELETE", path, fields)
    assert json.loads(await reply.read()) == {"keys": []}
    assert (await world.post("/skills/who", token))[0] == 401
    assert (await world.post("/skills/who", world.token(sub="bob")))[0] == 200
    assert (await world.post("/skills/who", world.token(iat=time.time() + 10)))[0] == 200
