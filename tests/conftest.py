"""Where the tests of the whole platform find one: here, or on a cluster."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import postgres
from tests.cluster.deployed import Deployed
from tests.cluster.skills import gather

# What guards main may not depend on chance, nor on how busy a machine is;
# --hypothesis-profile=default draws anew.
settings.register_profile("the same each time", derandomize=True, deadline=None)
settings.load_profile("the same each time")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--platform",
        choices=("local", "knative"),
        default="local",
        help="local: `catnap serve` on this machine. knative: the cluster of KUBECONFIG.",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What needs a cluster is not asked here, and what starts and kills a
    `catnap serve` of its own not there."""
    on_cluster = config.getoption("--platform") == "knative"

    def elsewhere(item: pytest.Item) -> bool:
        fixtures = getattr(item, "fixturenames", ())
        if on_cluster:
            return "start" in fixtures or item.get_closest_marker("local") is not None
        return not {"deployed", "replicated", "secured"}.isdisjoint(fixtures)

    left_out = [item for item in items if elsewhere(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    if on_cluster:
        for item in items:  # whichever is the first waits for the installation
            item.add_marker(pytest.mark.timeout(1200), append=False)


_schemas = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    if lacking := postgres.missing():
        pytest.skip(lacking)
    with postgres.running() as server:
        yield server


@pytest.fixture
def shared(postgres_server: postgres.Server) -> str:
    """The place of an empty store that several may use at once."""
    schema = f"t{next(_schemas)}"
    postgres_server.query(f"CREATE SCHEMA {schema}")
    return postgres_server.uri(schema)


@pytest.fixture(params=["file", "postgres"])
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The place of an empty store that outlasts a process, on either side."""
    if request.param == "file":
        return str(tmp_path / "catnap.db")
    place: str = request.getfixturevalue("shared")
    return place


@pytest.fixture(scope="session")
def on_cluster(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--platform") == "knative")


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """An installation of the tests' own, with every skill that comes along and
    the tests' own skills."""
    folder = tmp_path_factory.mktemp("deployed")
    deployed = Deployed(folder, gather(folder / "functions", cluster=True))
    try:
        deployed.start()
        yield deployed
    finally:
        deployed.remove()
