"""Whatever a skill leaves in a folder, the folder goes, and nothing else does."""

from __future__ import annotations

import os
from pathlib import Path

from catnap.services.local.scratch import Scratch
from catnap.snapshots.removal import remove


def deep(folder: Path, levels: int) -> None:
    """Folders inside one another, more than a path has room for."""
    here = os.open(folder, os.O_RDONLY)
    for level in range(levels):
        for name in ("d" * 100, f"{level}"):
            os.mkdir(name, dir_fd=here)
        inner = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def test_a_tree_deeper_than_a_recursion_goes(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / ".0").mkdir()
    deep(folder, 3000)
    remove(folder)
    assert not folder.exists()


def test_a_platform_starts_where_a_skill_has_left_one(tmp_path: Path) -> None:
    deep(Scratch(tmp_path).make(), 3000)
    assert list(Scratch(tmp_path).make().parent.iterdir())


def test_folders_that_are_shut_go_too(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "file").touch()
    (folder / "a" / "b").chmod(0)
    (folder / "a").chmod(0)
    remove(folder)
    assert not folder.exists()


def test_what_a_link_leads_to_stays(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    outside.mkdir(mode=0o750)
    (outside / "file").touch()
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    (tmp_path / "other").symlink_to(outside)
    remove(folder)
    remove(tmp_path / "other")
    remove(tmp_path / "never")
    assert not folder.exists()
    assert [each.name for each in outside.iterdir()] == ["file"]
    assert outside.stat().st_mode & 0o777 == 0o750
