"""A token of an OIDC issuer is good on every surface, and a forged one on none."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from catnap.access import Credentials, oidc
from catnap.client.aio import connect
from catnap.errors import PermissionDenied, Unauthenticated
from tests.access.issuer import AUDIENCE, OTHER_RSA, Issuer, serving
from tests.gateway.local import make_skill
from tests.gateway.world import World, running

MAIN = """
from catnap import skill
@skill
def main(ctx, request: dict) -> str: return f"{ctx.tenant} {ctx.user}"
"""
TRIGGER = """
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
class Trusting(World):
    issuer: Issuer = field(kw_only=True)

    def token(self, *, forged: bool = False, **claims: object) -> str:
        now = time.time()
        said = {"exp": now + 600, "iat": now, "groups": ["core"], **claims}
        return self.issuer.token(key=OTHER_RSA if forged else None, **said)

    async def post(self, path: str, token: str, **headers: str) -> tuple[int, Any]:
        return await self.ask("POST", path, {}, token, **headers)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Trusting]:
    who = make_skill(tmp_path, "who", MAIN, TRIGGER)
    with serving() as issuer:
        trusted = oidc.Issuer(
            issuer=issuer.url,
            audience=AUDIENCE,
            tenant_claim="org",
            tenants=("acme",),
            role_claim="groups",
            role_map={"core": ("caller",), "look": ("viewer",)},
        )
        async with running(tmp_path, who) as world:
            world.gateway.credentials = Credentials(world.gateway.keys, issuers=[trusted])
            yield Trusting(**vars(world), issuer=issuer)


async def test_a_token_is_good_on_every_surface(world: Trusting) -> None:
    token = world.token()
    assert await world.post("/skills/who", token) == (200, "acme ada")
    async with connect(world.grpc, token) as catnap:
        assert (await catnap.invoke("who", {})).json() == "acme ada"
    for path in ("/events", "/events/who/asked"):
        status, said = await world.post(path, token, **EVENT)
        assert (status, len(said["tasks"])) == (202, 1)


async def test_a_forged_one_is_good_on_none(world: Trusting) -> None:
    token = world.token(forged=True)
    assert (await world.post("/skills/who", token))[0] == 401
    async with connect(world.grpc, token) as catnap:
        with pytest.raises(Unauthenticated, match="signature is wrong"):
            await catnap.invoke("who", {})
    for path in ("/events", "/events/who/asked"):
        assert (await world.post(path, token, **EVENT))[0] == 401


async def test_its_roles_and_its_user_bind_it_as_they_do_a_key(world: Trusting) -> None:
    assert (await world.post("/skills/who", world.token(groups=["look"])))[0] == 403
    assert (await world.post("/skills/who", world.token(groups=[])))[0] == 403
    other = {"catnap-user": "bob"}
    assert (await world.post("/skills/who", world.token(), **other))[0] == 403
    assert (await world.post("/skills/who", world.token(org="rival")))[0] == 401
    async with connect(world.grpc, world.token(groups=["look"])) as catnap:
        with pytest.raises(PermissionDenied, match="role viewer"):
            await catnap.invoke("who", {})


async def test_a_token_that_was_taken_is_refused_once_its_users_credentials_were_ended(
    world: Trusting,
) -> None:
    token = world.token()
    assert (await world.post("/skills/who", token))[0] == 200
    path = "/users/ada/credentials?tenant=acme"
    assert await world.ask("DELETE", path) == (200, {"keys": [], "left": []})
    assert (await world.post("/skills/who", token))[0] == 401
    assert (await world.post("/skills/who", world.token(sub="bob")))[0] == 200
    assert (await world.post("/skills/who", world.token(iat=time.time() + 10)))[0] == 200
