"""Folders as images: what is in them, and what is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.services import images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "functions" / "echo"
    (folder / "data").mkdir(parents=True)
    (folder / "main.py").write_text("x = 1\n")
    (folder / "data" / "table.csv").write_text("a,b\n")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o700)
    return folder


def test_an_image_is_a_copy_that_stays_what_it_is(folder: Path, tmp_path: Path) -> None:
    image = images.build(folder, tmp_path)
    (folder / "main.py").write_text("x = 2\n")
    assert (image.path / "main.py").read_text() == "x = 1\n"
    assert images.find(image.reference, tmp_path) == image.path
    assert images.digest(image.path) == image.path.name
    assert image.reference == f"catnap.local/echo@sha256:{image.path.name}"
    assert os.access(image.path / "run.sh", os.X_OK)


def test_the_same_content_is_the_same_image_and_leaves_nothing_beside_it(
    folder: Path, tmp_path: Path
) -> None:
    first = images.build(folder, tmp_path)
    again = images.build(folder, tmp_path)
    assert again == first
    assert list((tmp_path / "images").iterdir()) == [first.path]


def _content(folder: Path) -> None:
    (folder / "main.py").write_text("x = 3\n")


def _name(folder: Path) -> None:
    (folder / "main.py").rename(folder / "other.py")


def _place(folder: Path) -> None:
    (folder / "main.py").rename(folder / "data" / "main.py")


def _mode(folder: Path) -> None:
    (folder / "run.sh").chmod(0o600)


@pytest.mark.parametrize("edit", [_content, _name, _place, _mode])
def test_any_edit_is_another_digest(folder: Path, edit: Callable[[Path], None]) -> None:
    before = images.digest(folder)
    edit(folder)
    assert images.digest(folder) != before


def _tests(folder: Path) -> None:
    (folder / "tests").mkdir()
    (folder / "tests" / "test_it.py").write_text("")


def _cache(folder: Path) -> None:
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"x")


def _hidden(folder: Path) -> None:
    (folder / ".env").write_text("SECRET=1")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("x")


def _hidden_link(folder: Path) -> None:
    (folder / ".venv").symlink_to("/nowhere")


@pytest.mark.parametrize("add", [_tests, _cache, _hidden, _hidden_link])
def test_what_is_no_part_of_the_skill_does_not_count(
    folder: Path, tmp_path: Path, add: Callable[[Path], None]
) -> None:
    before = images.digest(folder)
    add(folder)
    assert images.digest(folder) == before
    assert images.build(folder, tmp_path).path.name == before


def test_a_link_to_a_file_is_that_file(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shared.py").write_text("shared = 1\n")
    (folder / "shared.py").symlink_to(tmp_path / "shared.py")
    image = images.build(folder, tmp_path)
    assert not (image.path / "shared.py").is_symlink()
    assert (image.path / "shared.py").read_text() == "shared = 1\n"


def _link_to_folder(folder: Path) -> None:
    (folder / "odd").symlink_to(folder / "data", target_is_directory=True)


def _broken_link(folder: Path) -> None:
    (folder / "odd").symlink_to(folder / "nothing")


def _circle(folder: Path) -> None:
    (folder / "odd").symlink_to(folder / "odd")


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "odd")


@pytest.mark.parametrize("spoil", [_link_to_folder, _broken_link, _circle, _pipe])
def test_what_cannot_be_in_an_image_is_named(
    folder: Path, tmp_path: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(folder)
    with pytest.raises(InvalidRequest, match=str(folder / "odd")):
        images.digest(folder)
    with pytest.raises(InvalidRequest, match=str(folder / "odd")):
        images.build(folder, tmp_path)
    assert list((tmp_path / "images").iterdir()) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_cannot_be_read_is_named(folder: Path) -> None:
    (folder / "main.py").chmod(0)
    with pytest.raises(InvalidRequest, match=r"main\.py cannot be read"):
        images.digest(folder)


def test_a_name_that_is_no_utf8_is_a_name(folder: Path, tmp_path: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    image = images.build(folder, tmp_path)
    assert images.digest(image.path) == image.path.name


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "echo",
        "docker.io/echo@sha256:ab",
        "catnap.local/echo@sha256:../..",
        "catnap.local/e@sha256:ab",
    ],
)
def test_an_image_that_is_not_here_is_refused(tmp_path: Path, reference: str) -> None:
    with pytest.raises(InvalidRequest, match="not on this machine"):
        images.find(reference, tmp_path)


def test_two_who_build_at_once_make_one_image(folder: Path, tmp_path: Path) -> None:
    ready = images.build(folder, tmp_path)
    copy = tmp_path / "copy"
    shutil.copytree(ready.path, copy)
    shutil.rmtree(ready.path)
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        copy.replace(target)  # the other is done first
        return rename(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "rename", late)
        assert images.build(folder, tmp_path) == ready
    assert list((tmp_path / "images").iterdir()) == [ready.path]
