"""models.toml while something runs by it: what is good is taken up, what is bad is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.models.settings import Models
from catnap.models.watched import Watched

ONE = '[one]\nservers = ["o:1"]\n'
TWO = '[two]\nservers = ["t:1"]\n'


class Reader:
    """What it was told, in turn: the names of the models, or a problem."""

    def __init__(self, path: Path) -> None:
        self.file = Watched(path, self._announce)
        self.told = asyncio.Queue[list[str] | str]()

    def _announce(self, text: str) -> None:
        if "is taken up" not in text:
            self.told.put_nowait(text)

    async def take_up(self, config: Models) -> None:
        self.told.put_nowait(sorted(config.models))

    async def next(self) -> list[str] | str:
        async with asyncio.timeout(20):
            return await self.told.get()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catnap.models.watched.LOOK", 0.01)


@asynccontextmanager
async def running(path: Path) -> AsyncIterator[Reader]:
    found = Reader(path)
    assert sorted(found.file.first().models) == ["one"]
    watching = asyncio.create_task(found.file.run(found.take_up))
    try:
        yield found
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def test_a_file_that_is_written_anew_is_taken_up(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(ONE)
    async with running(file) as found:
        file.write_text(ONE + TWO)
        assert await found.next() == ["one", "two"]
        (tmp_path / "aside").write_text(TWO)
        (tmp_path / "aside").rename(file)  # as editors do
        assert await found.next() == ["two"]


async def test_what_is_wrong_is_said_once_and_leaves_the_models_as_they_were(
    tmp_path: Path,
) -> None:
    file = tmp_path / "models.toml"
    file.write_text(ONE)
    async with running(file) as found:
        file.write_text("[one]\nservers = []\n[two]\n")
        said = await found.next()
        assert "models.toml:2: [one] servers" in said
        assert "models.toml:3: [two] servers" in said
        assert "models.toml:2" in found.file.problem
        (tmp_path / "beside").touch()  # looked at again, and not told again
        file.write_text(TWO)
        assert await found.next() == ["two"]
        file.unlink()
        assert "cannot be read" in await found.next()
        file.write_text(ONE)
        assert await found.next() == ["one"]
    assert found.file.problem == ""


async def test_a_configmap_that_is_swapped_is_taken_up(tmp_path: Path) -> None:
    """As the kubelet does it: the file is a link through `..data`, which alone changes."""
    for name, text in (("..first", ONE), ("..second", TWO)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "models.toml").write_text(text)
    (tmp_path / "..data").symlink_to("..first")
    (tmp_path / "models.toml").symlink_to("..data/models.toml")
    async with running(tmp_path / "models.toml") as found:
        (tmp_path / "..data_tmp").symlink_to("..second")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        assert await found.next() == ["two"]


def test_a_file_that_is_wrong_at_the_start_is_refused(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_bytes(b"\xff")
    for path in (tmp_path / "models.toml", tmp_path / "absent.toml"):
        with pytest.raises(InvalidRequest, match="cannot be read"):
            Watched(path, lambda _: None).first()


async def test_a_fault_of_ours_is_said_and_the_next_file_is_taken_up(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(ONE)

    class Broken(Reader):
        async def take_up(self, config: Models) -> None:
            if "two" in config.models:
                raise ZeroDivisionError
            await super().take_up(config)

    found = Broken(file)
    found.file.first()
    watching = asyncio.create_task(found.file.run(found.take_up))
    file.write_text(TWO)
    assert "could not be taken up; the log says why" in str(await found.next())
    file.write_text(ONE.replace("o:1", "o:2"))
    assert await found.next() == ["one"]
    watching.cancel()
    await asyncio.wait([watching])
