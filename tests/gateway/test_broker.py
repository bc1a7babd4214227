"""Events that a cluster's Broker delivers, with the token of a service account."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from catnap.access import Accounts
from catnap.access.account_roles import AccountRoles
from catnap.client.aio import connect
from catnap.errors import PermissionDenied, Unauthenticated, Unavailable
from tests.gateway.local import ACME
from tests.gateway.world import World, running

KEEPER = Path(__file__).parents[1] / "platform" / "functions" / "keeper"
AUDIENCE = "catnap.dev/gateway/catnap"

pytestmark = pytest.mark.asyncio(loop_scope="module")


def token(name: str) -> str:
    said = json.dumps({"aud": [AUDIENCE], "exp": time.time() + 600, "name": name}).encode()
    return f"eyJh.{base64.urlsafe_b64encode(said).rstrip(b'=').decode()}.c2ln"


BROKER, STRANGER, FORGED, UNSURE, AGENT = map(
    token, ("broker", "stranger", "forged", "unsure", "agent")
)
BOUND = [AccountRoles(account="agents/core", roles=("caller",), tenant="acme")]


async def review(asked: str) -> tuple[str, str]:
    """A cluster's word."""
    if asked == FORGED:
        raise Unauthenticated("the cluster does not vouch for the token")
    if asked == UNSURE:
        raise Unavailable("the API server does not answer")
    if asked == AGENT:
        return "agents", "core"
    return ("catnap-acme" if asked == BROKER else "default"), "broker"


EVENT = {
    "ce_specversion": "1.0",
    "ce_id": "1",
    "ce_source": "/broker",
    "ce_type": "test.keep",
    "content_type": "application/json",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with running(tmp_path_factory.mktemp("gateway"), KEEPER) as world:
        tenants = {"catnap-acme": "acme"}
        world.gateway.credentials.accounts = Accounts(
            AUDIENCE, review, lambda name: tenants.get(name, ""), BOUND
        )
        yield world


async def send(world: World, key: str, path: str = "/events/keeper/keep") -> tuple[int, Any]:
    return await world.ask("POST", path, {}, key, **EVENT)


async def test_a_brokers_event_becomes_a_task_of_its_namespaces_tenant(world: World) -> None:
    status, said = await send(world, BROKER)
    assert status == 202
    [id_] = said["tasks"]
    task = await world.gateway.journal.get("acme", id_)
    assert (task.skill, task.trigger, task.roles) == ("keeper", "keep", ("caller",))


@pytest.mark.parametrize(
    ("key", "status", "reason"),
    [
        (STRANGER, 401, "default/broker is not in the namespace of a tenant"),
        (FORGED, 401, "does not vouch"),
        (UNSURE, 503, "does not answer"),
        ("garbage", 401, "not known here"),
    ],
)
async def test_nobody_elses_event_is_taken(
    world: World, key: str, status: int, reason: str
) -> None:
    found, said = await send(world, key)
    assert (found, reason in said["detail"]) == (status, True)


async def test_a_key_delivers_to_a_trigger_as_before(world: World) -> None:
    assert (await send(world, ACME))[0] == 202


@pytest.mark.parametrize("path", ["/events", "/skills/keeper"])
async def test_a_brokers_token_opens_nothing_but_its_trigger(world: World, path: str) -> None:
    assert (await send(world, BROKER, path))[0] == 403


async def test_an_account_that_the_settings_name_is_known_on_every_surface(world: World) -> None:
    for path in ("/skills/keeper", "/events", "/events/keeper/keep"):
        assert (await send(world, AGENT, path))[0] in (200, 202)
    async with connect(world.grpc, AGENT) as catnap:
        assert [each.name for each in await catnap.skills.list()] == ["keeper"]
    async with connect(world.grpc, BROKER) as catnap:
        with pytest.raises(PermissionDenied, match="role broker"):
            await catnap.skills.list()
    async with connect(world.grpc, FORGED) as catnap:
        with pytest.raises(Unauthenticated, match="does not vouch"):
            await catnap.skills.list()
