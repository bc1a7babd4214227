"""A proxy on a port of its own, and a certificate for what lies behind it."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from catnap.access import Grants
from catnap.access.egress import Networks
from catnap.gateway.egress import Limits, Proxy
from tests.gateway.egress.world import HOST, World


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Awaitable[World]]]:
    """Starts a proxy whose names and clock are the test's, and which may
    reach this machine."""
    worlds: list[World] = []

    async def run(*, networks: str = "127.0.0.0/8, ::1/128", **limits: float) -> World:
        world = World(Grants(b"k" * 32))
        world.proxy = Proxy(
            world.grants.verify,
            world.at_work.__contains__,
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
    for world in worlds:
        for wire in world.wires:
            wire.reset()
        await world.proxy.drain(0)
        for server in world.servers:
            server.close()


@dataclass(frozen=True)
class Certificate:
    file: Path
    context: ssl.SSLContext


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A self-signed one for HOST, and what a server needs of it."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", f"/CN={HOST}"),
            *("-addext", f"subjectAltName=DNS:{HOST},DNS:localhost"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return Certificate(folder / "cert.pem", context)
