"""A proxy on a port of its own, and a certificate for what lies behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from catnap.access import Grants
from catnap.access.egress import Networks
from catnap.gateway.at_work import AtWork
from catnap.gateway.egress import Limits, Proxy
from tests.certificate import Certificate, certify
from tests.gateway.egress.world import HOST, World


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[World]]]:
    """Starts a proxy whose names and clock are the test's, and which may
    reach this machine."""
    worlds: list[World] = []
    asking: list[AtWork] = []

    async def run(*, networks: str = "127.0.0.0/8, ::1/128", **limits: float) -> World:
        world = World(Grants(b"k" * 32))
        at_work = AtWork(lambda grant: grant.task in world.at_work)
        asking.append(at_work)
        world.proxy = Proxy(
            world.grants.verify,
            at_work,
            world.records,
            networks=Networks.parse(networks),
            limits=Limits(**{"sweep": 0.01, **limits}),  # type: ignore[arg-type]
            resolve=world.resolve,
            clock=lambda: world.now,
        )
        world.host, world.port = await world.proxy.listen(host="127.0.0.1", port=0)
        worlds.append(world)
        return world

    yield run
    for each in asking:
        await each.close()
    for world in worlds:
        for wire in world.wires:
            wire.reset()
        await world.proxy.drain(0)
        for server in world.servers:
            server.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certify(tmp_path_factory.mktemp("certificate"), HOST)
