"""Images that are made while others are removed."""

from __future__ import annotations

from pathlib import Path

import pytest

from catnap.services.shelf import Shelf

MAIN = "from catnap import skill\n@skill\ndef main(ctx, request: int) -> str: return ''\n"


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    folder = tmp_path / "functions" / "echo"
    folder.mkdir(parents=True)
    (folder / "skill.toml").write_text('name = "echo"\ndescription = "A test."\n')
    (folder / "main.py").write_text(MAIN)
    return folder


async def test_what_is_made_is_not_removed_until_it_is_known_whether_it_is_needed(
    skill: Path, tmp_path: Path
) -> None:
    shelf = Shelf(tmp_path, lambda line: None)
    async with shelf.making():
        image = (await shelf.load(skill)).image
        await shelf.tidy((), ())
        assert (await shelf.again(image.reference)).image == image
    await shelf.tidy({image.reference}, ())
    assert (await shelf.again(image.reference)).image == image
    await shelf.tidy((), ())
    assert not image.path.exists()


async def test_a_needed_image_that_is_gone_keeps_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    left = tmp_path / "images" / ("a" * 64)
    left.mkdir(parents=True)
    shelf = Shelf(tmp_path, lambda line: None)
    await shelf.tidy({f"catnap.local/echo@sha256:{'b' * 64}"}, ())
    assert not left.exists()
