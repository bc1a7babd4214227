"""Servers of models that others wrote, and gateways in front of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clients import triton_server
from tests.clients.triton_server import Triton
from tests.platform.running import Running


@dataclass(frozen=True)
class Place:
    """Where a client asks, and with what key; a server itself wants none."""

    grpc: str
    http: str
    key: str = ""

    @property
    def is_gateway(self) -> bool:
        return bool(self.key)


Before = Callable[[str], AbstractContextManager[Running]]
"""A gateway, by its models.toml."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the model is that is always there: built once for all homes."""
    return tmp_path_factory.mktemp("built")


@pytest.fixture(scope="session")
def gateway(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Before:
    @contextmanager
    def started(models: str) -> Iterator[Running]:
        folder = tmp_path_factory.mktemp("gateway")
        home, functions, table = folder / "home", folder / "functions", folder / "models.toml"
        home.mkdir(mode=0o700)
        functions.mkdir()
        (home / "models").symlink_to(built)
        table.write_text(models)
        running = Running(home, functions, CATNAP_MODELS=str(table))
        try:
            yield running
        finally:
            assert running.stop() == 0

    return started


def of_gateway(running: Running) -> Place:
    return Place(running.grpc, running.http, running.key)


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    with triton_server.running(tmp_path_factory.mktemp("triton")) as server:
        yield server


@pytest.fixture(scope="session")
def before_triton(triton: Triton, gateway: Before) -> Iterator[Running]:
    """A gateway whose models Triton has."""
    with gateway(triton_server.table(triton.grpc)) as running:
        yield running


@pytest.fixture(scope="session", params=["itself", "gateway"])
def place(request: pytest.FixtureRequest, triton: Triton) -> Place:
    """Triton, and the gateway before it: what a client is told is the same."""
    if request.param == "itself":
        return Place(triton.grpc, triton.http)
    return of_gateway(request.getfixturevalue("before_triton"))
