"""What earlier processes left in the state folder, and what goes of it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from catnap.events import Event
from catnap.services import environment, leftovers
from catnap.services.folder import FolderCatalog
from tests.contract.memory import Function, MemoryPlatform

MAIN = "from catnap import skill\n@skill\ndef main(ctx, request: {kind}) -> str: return ''\n"
DIGEST = "a" * 64


async def _answer(event: Event) -> Any:
    return None


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    folder = tmp_path / "functions" / "echo"
    folder.mkdir(parents=True)
    (folder / "skill.toml").write_text('name = "echo"\ndescription = "A test."\n')
    (folder / "main.py").write_text(MAIN.format(kind="int"))
    return folder


def catalog(home: Path) -> FolderCatalog:
    sources: dict[str, Function] = defaultdict(lambda: _answer)
    return FolderCatalog(
        home / "functions", home, MemoryPlatform(sources), lambda line: None, ["a"]
    )


def left(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


async def test_only_the_images_of_this_process_stay(skill: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    running = catalog(tmp_path)
    await running.load()
    older = running.get("echo").image.path.name
    (skill / "main.py").write_text(MAIN.format(kind="str"))
    await running.refresh(skill)
    newest = running.get("echo").image.path.name
    both = {older, f"{older}.json", newest, f"{newest}.json"}
    (images / ".building-x" / "data").mkdir(parents=True)
    await running.collect()
    assert left(images) == both, "calls may be at work on the older one"

    restarted = catalog(tmp_path)
    await restarted.load()
    await restarted.collect()
    assert left(images) == {newest, f"{newest}.json"}
    again = catalog(tmp_path)
    await again.load()
    assert again.get("echo").image.path.name == newest


async def test_only_the_environments_that_a_skill_asks_for_stay(
    skill: Path, tmp_path: Path
) -> None:
    (skill / "requirements.txt").write_text("tiny==1.0 --hash=sha256:0\n")
    (skill / "main.py").write_text("broken\n")
    (skill.parent / "unlocked").mkdir()
    (skill.parent / "unlocked" / "skill.toml").touch()
    (skill.parent / "unlocked" / "requirements.in").write_text("tiny\n")
    asked = environment.lock_hash(skill)
    folder = tmp_path / "environments"
    for name in (asked, "0" * 16, ".removed-x"):
        (folder / name / "bin").mkdir(parents=True)
        (folder / f"{name}.lock").touch()
    await catalog(tmp_path).collect()
    assert left(folder) == {asked, f"{asked}.lock"}


async def test_there_may_be_nothing_yet(skill: Path, tmp_path: Path) -> None:
    await catalog(tmp_path).collect()
    assert left(tmp_path) == {"functions"}


def test_what_somebody_else_put_there_stays(tmp_path: Path) -> None:
    others = {"notes.txt", ".gitignore", "deadbeef", f"{DIGEST}.txt"}
    for name in others:
        (tmp_path / name).touch()
    (tmp_path / DIGEST).mkdir()
    leftovers.remove(tmp_path, ())
    assert left(tmp_path) == others


def test_a_folder_that_is_a_link_is_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "theirs" / DIGEST).mkdir(parents=True)
    (tmp_path / "ours").symlink_to("theirs")
    leftovers.remove(tmp_path / "ours", ())
    assert left(tmp_path / "theirs") == {DIGEST}


def test_what_an_environment_links_to_stays(tmp_path: Path) -> None:
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "module.py").touch()
    packages = tmp_path / "environments" / ("0" * 16) / "lib"
    packages.mkdir(parents=True)
    (packages / "catnap").symlink_to(tmp_path / "platform", True)
    leftovers.remove(tmp_path / "environments", ())
    assert left(tmp_path / "environments") == set()
    assert left(tmp_path / "platform") == {"module.py"}
