"""The models of a gateway are those of models.toml, as it is now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from catnap.errors import InvalidRequest
from catnap.gateway.settings import Settings
from catnap.gateway.shared_models import SharedModels
from tests.models.upstreams import OipUpstream, oip_upstreams


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catnap.models.watched.LOOK", 0.01)


@pytest.fixture
async def ours() -> AsyncIterator[OipUpstream]:
    """In the place of a server of our own."""
    async with oip_upstreams() as [server]:
        yield server


@asynccontextmanager
async def shared(
    folder: Path,
    ours: OipUpstream,
    told: list[str],
    platform: Literal["local", "knative"] = "local",
) -> AsyncIterator[SharedModels]:
    settings = Settings(
        home=folder, models=ours.address, models_file=folder / "models.toml", platform=platform
    )
    models = SharedModels(settings, told.append)
    try:
        await models.start()
        yield models
    finally:
        await models.close()


def names(models: SharedModels) -> list[str]:
    return [name for name, _ in models.registry.visible("any")]


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


def table(name: str, server: str, more: str = "") -> str:
    return f'[{name}]\nservers = ["{server}"]\n{more}\n'


async def test_a_good_file_is_taken_up_and_servers_that_stay_keep_their_state(
    tmp_path: Path, ours: OipUpstream
) -> None:
    file = tmp_path / "models.toml"
    file.write_text(table("one", ours.address) + table("two", "t:1"))
    async with shared(tmp_path, ours, []) as models:
        assert names(models) == ["minilm-l6-v2", "one", "two"]
        [before] = models.registry.find("one", "", "any").served.pool.servers
        file.write_text(table("one", ours.address, 'aliases = ["first"]'))
        await until(lambda: names(models) == ["minilm-l6-v2", "one"])
        [after] = models.registry.find("first", "", "any").served.pool.servers
        assert after is before


async def test_a_bad_file_leaves_the_models_as_they_were(tmp_path: Path, ours: OipUpstream) -> None:
    file, told = tmp_path / "models.toml", list[str]()
    file.write_text(table("one", ours.address))
    async with shared(tmp_path, ours, told) as models:
        file.write_text("[one]\nservers = []\n")
        await until(lambda: models.problem)
        assert names(models) == ["minilm-l6-v2", "one"]
        assert "models.toml:2: [one] servers" in models.problem
        [said] = told
        assert "the models stay as they were" in said
        file.write_text(table("two", ours.address))
        await until(lambda: names(models) == ["minilm-l6-v2", "two"])
        await until(lambda: not models.problem)


async def test_a_model_more_of_our_own_server_is_asked_once_it_is_loaded(
    tmp_path: Path, ours: OipUpstream
) -> None:
    file = tmp_path / "models.toml"
    file.write_text("")
    async with shared(tmp_path, ours, []) as models:
        ours.behaves = "busy"  # it says that it is not ready
        file.write_text('[ranker]\nfolder = "ranker"\n' + table("two", "t:1"))
        await until(lambda: names(models) == ["minilm-l6-v2", "two"])
        ours.behaves = "well"
        await until(lambda: names(models) == ["minilm-l6-v2", "ranker", "two"])
        [server] = models.registry.find("ranker", "", "any").served.pool.servers
        assert server.name == ours.address


async def test_a_file_that_is_wrong_at_the_start_stops_it_here_and_not_on_a_cluster(
    tmp_path: Path, ours: OipUpstream
) -> None:
    (tmp_path / "models.toml").write_text("[one]\n")
    with pytest.raises(InvalidRequest, match=r"models\.toml:1: \[one\]"):
        SharedModels(Settings(home=tmp_path, models_file=tmp_path / "models.toml"), print)
    async with shared(tmp_path, ours, [], "knative") as models:
        assert names(models) == ["minilm-l6-v2"]
        assert "models.toml:1: [one]" in models.problem
