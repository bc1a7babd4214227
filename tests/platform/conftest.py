"""One real platform for all tests here, on this machine or on a cluster; those
that kill it start their own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.cluster.skills import gather
from tests.platform.reached import Reached
from tests.platform.running import NO_MODELS, ROOT, Running


@pytest.fixture(scope="session")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tests' own skills and echo, in a folder that may be edited."""
    return gather(tmp_path_factory.mktemp("skills") / "functions", cluster=False)


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built models, so that each platform of a test need not build its own."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def start(functions: Path, model_cache: Path, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Starts a platform of the test's own."""
    started: list[Running] = []

    def run(
        home: Path | None = None,
        where: Path | None = None,
        *,
        skills: Sequence[str] = (),
        models: bool = False,
        **environment: str,
    ) -> Running:
        """where: its skills; else it has those of the tests' own that are named."""
        home = home or tmp_path / "home"
        home.mkdir(exist_ok=True, mode=0o700)
        where = where or tmp_path / "functions"
        where.mkdir(exist_ok=True)
        for name in skills:
            shutil.copytree(functions / name, where / name)
        if not models:
            environment = {"CATNAP_MODELS": NO_MODELS} | environment
        elif not (home / "models").exists():
            (home / "models").symlink_to(model_cache)
        started.append(Running(home, where, **environment))
        return started[-1]

    yield run
    for running in started:
        if running.process.poll() is None:
            running.stop()


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest, on_cluster: bool) -> Iterator[Reached]:
    """One with the tests' own skills."""
    if on_cluster:
        yield request.getfixturevalue("deployed")
        return
    yield from _here(request, request.getfixturevalue("functions"))


@pytest.fixture(scope="session")
def shipped(request: pytest.FixtureRequest, on_cluster: bool) -> Iterator[Reached]:
    """One with the skills that come along."""
    if on_cluster:
        yield request.getfixturevalue("deployed")
        return
    yield from _here(request, ROOT / "functions")


def _here(request: pytest.FixtureRequest, functions: Path) -> Iterator[Reached]:
    """A `catnap serve` of this machine, until the tests have ended."""
    home = request.getfixturevalue("tmp_path_factory").mktemp("home")
    (home / "models").symlink_to(request.getfixturevalue("model_cache"))
    # The skills' environments are made once for all runs.
    environments = ROOT / ".catnap" / "environments"
    environments.mkdir(parents=True, exist_ok=True)
    (home / "environments").symlink_to(environments)
    running = Running(home, functions)
    yield running
    assert running.stop() == 0
