"""Where the tests of the whole platform find one: here, or on a cluster."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.deployed import Deployed
from tests.cluster.skills import gather


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--platform",
        choices=("local", "knative"),
        default="local",
        help="local: `catnap serve` on this machine. knative: the cluster of KUBECONFIG.",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What starts and kills a `catnap serve` of its own is about this machine."""
    if config.getoption("--platform") == "local":
        return
    here = [
        item
        for item in items
        if "start" in getattr(item, "fixturenames", ()) or item.get_closest_marker("local")
    ]
    config.hook.pytest_deselected(items=here)
    items[:] = [item for item in items if item not in here]


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
