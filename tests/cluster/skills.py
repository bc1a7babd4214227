"""The skills that tests of a whole platform call."""

from __future__ import annotations

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def gather(folder: Path, *, shipped: bool = True) -> Path:
    """The tests' own skills in a folder that may be edited, and those that
    come along; without `shipped` echo only, which needs no environment."""
    shutil.copytree(ROOT / "tests" / "platform" / "functions", folder, dirs_exist_ok=True)
    for skill in (ROOT / "functions").iterdir():
        if shipped or skill.name == "echo":
            shutil.copytree(skill, folder / skill.name)
    return folder
