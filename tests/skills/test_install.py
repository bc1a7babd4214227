from __future__ import annotations

import pytest

from catnap import Context
from catnap.errors import InvalidRequest, Unavailable
from catnap.events import Event
from catnap.http import Client, Target
from catnap.skills.gateway import HttpGateway
from catnap.skills.testing import FakeGateway

EVENT = Event(id="1", source="/test", type="test")


async def test_in_a_test_of_a_skill_what_it_asks_for_counts_as_installed() -> None:
    gateway = FakeGateway()
    for session in ("one", "two"):
        context = Context(EVENT, session=session, gateway=gateway)
        assert await context.install("Pandas == 2.2", "six") == {}
    assert gateway.installed == ["pandas==2.2", "six"] * 2
    with pytest.raises(InvalidRequest, match="no path"):
        await context.install("./pandas")


async def test_without_the_platform_nothing_is_installed() -> None:
    with pytest.raises(Unavailable, match="runs without the platform"):
        await Context(EVENT).install("pandas")


async def test_an_installer_shows_the_grant_to_the_gateway() -> None:
    client = Client()
    gateway = HttpGateway(client, Target("::1", 8080), b"cg1.a-_.b")
    assert gateway.index == "http://catnap:cg1.a-_.b@[::1]:8080/callback/packages/simple/"
    assert HttpGateway(client, Target("a.example", 443, tls=True), b"g").index == (
        "https://catnap:g@a.example:443/callback/packages/simple/"
    )
    with pytest.raises(Unavailable, match="Unix socket"):
        _ = HttpGateway(client, Target(path="/run/gateway.sock"), b"g").index
    await client.close()
