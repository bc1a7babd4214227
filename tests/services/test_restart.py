"""What was deployed and routed is there again after a restart, with the code it
had, whatever became of the folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.errors import Unavailable
from catnap.events import Event, to_binary
from catnap.services import images
from catnap.services.folder import FolderCatalog
from catnap.services.history import KEPT
from catnap.services.local import LocalPlatform
from catnap.services.local.sockets import Sockets
from catnap.services.platform import Route
from catnap.services.traffic import LATEST, Target

MAIN = """
from catnap import skill

@skill
def main(ctx, request: dict) -> str:
    import part
    return part.WHO
"""


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    folder = tmp_path / "functions" / "echo"
    folder.mkdir(parents=True)
    (folder / "skill.toml").write_text('name = "echo"\ndescription = "Tells who it is."\n')
    (folder / "main.py").write_text(MAIN)
    (folder / "part.py").write_text("WHO = 'one'\n")
    return folder


@asynccontextmanager
async def running(home: Path, *tenants: str) -> AsyncIterator[tuple[FolderCatalog, LocalPlatform]]:
    """As `catnap serve` begins and ends."""
    platform = LocalPlatform(home, "127.0.0.1:1", lambda *line: None)
    try:
        catalog = FolderCatalog(
            home / "functions", home, platform, lambda line: None, ["acme", *tenants]
        )
        await catalog.load()
        yield catalog, platform
    finally:
        await platform.close()


def folders(path: Path) -> set[Path]:
    return {each for each in path.iterdir() if each.is_dir()}


async def call(platform: LocalPlatform) -> Any:
    event = Event(id="1", source="/t", type="t", datacontenttype="application/json", data=b"{}")
    headers, body = to_binary(event)
    async with platform.deliver(Route("acme", "echo"), headers, body) as delivery:
        return msgspec.json.decode(await delivery.reply.read())


async def test_a_pin_and_its_code_outlast_edits_and_restarts(skill: Path, tmp_path: Path) -> None:
    async with running(tmp_path) as (catalog, platform):
        (skill / "part.py").write_text("WHO = 'two'\n")
        await catalog.refresh(skill)
        await catalog.route("acme", "echo", [Target(revision_name="echo-00001", percent=100)])
    (skill / "part.py").write_text("WHO = 'three'\n")
    async with running(tmp_path) as (catalog, platform):
        assert await call(platform) == "one"
        await catalog.route("acme", "echo", [Target(revision_name="echo-00002", percent=100)])
        assert await call(platform) == "two"
        await catalog.route("acme", "echo", LATEST)
        assert await call(platform) == "three"
    async with running(tmp_path) as (_, platform):
        [seen] = platform.snapshot()
        assert [each.name for each in seen.revisions] == ["echo-00003", "echo-00002", "echo-00001"]
        assert seen.traffic == LATEST


async def test_the_code_of_what_is_kept_stays_and_other_code_goes(
    skill: Path, tmp_path: Path
) -> None:
    async with running(tmp_path) as (catalog, platform):
        (skill / "part.py").write_text("WHO = 'two'\n")
        await catalog.refresh(skill)
        kept = {images.find(each, tmp_path) for each in platform.collect()}
        (tmp_path / "images" / ("a" * 64)).mkdir()
    async with running(tmp_path) as (_, platform):
        assert {images.find(each, tmp_path) for each in platform.collect()} == kept
        assert folders(tmp_path / "images") == kept


def test_the_sockets_of_a_platform_that_was_killed_are_taken_away_by_the_next(
    tmp_path: Path,
) -> None:
    killed = Sockets(tmp_path)
    (killed.folder / "one.sock").touch()
    following = Sockets(tmp_path)
    assert not killed.folder.exists()
    assert following.folder.is_dir()
    following.close()
    assert not following.folder.exists()
    assert list(tmp_path.iterdir()) == []


async def test_a_deleted_skill_stays_away_after_a_restart(skill: Path, tmp_path: Path) -> None:
    async with running(tmp_path) as (catalog, _):
        await catalog.delete("echo")
    async with running(tmp_path) as (catalog, platform):
        assert platform.snapshot() == []
        await catalog.deploy("echo")
        assert await call(platform) == "one"
        assert [each.revision for each in platform.status()] == ["echo-00001"]


async def test_a_broken_edit_does_not_outlive_a_restart_in_the_place_of_what_ran(
    skill: Path, tmp_path: Path
) -> None:
    async with running(tmp_path) as (catalog, platform):
        (skill / "part.py").write_text("WHO = 'two'\n")
        await catalog.refresh(skill)
        await catalog.route("acme", "echo", [Target(revision_name="echo-00001", percent=100)])
    (skill / "main.py").write_text("import nothing_of_that_name\n")
    async with running(tmp_path) as (catalog, platform):
        [listed] = catalog.of("acme")
        assert "nothing_of_that_name" in listed.problem
        assert await call(platform) == "one"
        await catalog.route("acme", "echo", LATEST)
        assert await call(platform) == "two"
        (skill / "main.py").write_text(MAIN)
        (skill / "part.py").write_text("WHO = 'three'\n")
        await catalog.refresh(skill)
        assert await call(platform) == "three"
        assert catalog.problems("acme") == {}


@pytest.mark.parametrize("tenant", ["acme", "gone"])
async def test_what_was_removed_is_not_served_in_the_place_of_a_broken_source(
    skill: Path, tmp_path: Path, tenant: str
) -> None:
    async with running(tmp_path, tenant):
        pass
    async with running(tmp_path) as (catalog, _):
        skill.rename(tmp_path / "away")
        await catalog.refresh(skill)
    (tmp_path / "away").rename(skill)
    (skill / "main.py").write_text("import nothing_of_that_name\n")
    async with running(tmp_path) as (catalog, _):
        with pytest.raises(Unavailable, match="nothing_of_that_name"):
            catalog.get("echo", "acme")


async def test_code_that_nothing_needs_goes_while_the_gateway_runs(
    skill: Path, tmp_path: Path
) -> None:
    made = tmp_path / "images"
    async with running(tmp_path) as (catalog, _):
        [first] = folders(made)
        (skill / "main.py").write_text("import nothing_of_that_name\n")
        await catalog.refresh(skill)
        assert folders(made) == {first}
        for number in range(KEPT + 2):
            (skill / "main.py").write_text(MAIN)
            (skill / "part.py").write_text(f"WHO = '{number}'\n")
            await catalog.refresh(skill)
        assert len(folders(made)) == KEPT + 1
        assert first not in folders(made)
        await catalog.delete("echo")
        assert folders(made) == set()


async def test_no_code_goes_while_nobody_knows_what_is_needed(skill: Path, tmp_path: Path) -> None:
    async with running(tmp_path):
        pass
    left = tmp_path / "images" / ("a" * 64)
    left.mkdir()
    entry = tmp_path / "services" / "acme" / "echo.json"
    entry.write_bytes(entry.read_bytes()[:40])
    async with running(tmp_path) as (catalog, _):
        with pytest.raises(Unavailable, match=f"{entry} cannot be read"):
            catalog.get("echo", "acme")
        assert left.is_dir()
    entry.unlink()
    async with running(tmp_path) as (catalog, platform):
        assert await call(platform) == "one"
        assert not left.exists()
