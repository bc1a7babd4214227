"""The commit that an image says it is from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from catnap.services.containers.commit import commit_of


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "one").mkdir(parents=True)
    (root / "two").mkdir()
    git(root, "init", "--quiet")
    commit(root, "one", "1")
    commit(root, "two", "2")
    return root


def git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", root, *who, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(root: Path, folder: str, text: str) -> str:
    (root / folder / "file").write_text(text)
    git(root, "add", ".")
    git(root, "commit", "--quiet", "-m", text)
    return git(root, "rev-parse", "HEAD")


async def test_it_is_the_last_that_changed_one_of_the_files(repository: Path) -> None:
    newest = git(repository, "rev-parse", "HEAD")
    assert await commit_of([repository / "one"]) == git(repository, "rev-parse", "HEAD~1")
    assert await commit_of([repository / "one", repository / "two"]) == newest


async def test_what_was_not_committed_says_so(repository: Path) -> None:
    one = await commit_of([repository / "one"])
    (repository / "two" / "file").write_text("edited")
    assert await commit_of([repository / "one"]) == one
    (repository / "one" / "new").write_text("new")
    assert await commit_of([repository / "one"]) == f"{one}-dirty"


async def test_files_elsewhere_do_not_count(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    paths = [repository / "one" / "file", tmp_path / "elsewhere"]
    assert await commit_of(paths) == git(repository, "rev-parse", "HEAD~1")


async def test_outside_of_a_repository_there_is_none(tmp_path: Path) -> None:
    assert await commit_of([tmp_path]) == ""
