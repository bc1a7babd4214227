"""Installed from a wheel, without a checkout, images can be built as well."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def names(tmp_path: Path) -> set[str]:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_a_wheel_has_what_the_build_needs_besides_code(names: set[str]) -> None:
    here = "catnap/services/containers"
    locks = {f"{here}/locks/{name}.txt" for name in ("host", "gateway", "models")}
    assert names >= {f"{here}/Dockerfile", f"{here}/assemble.py", *locks}
