"""What of Catnap goes into an image: enough, and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from catnap.services.containers import parts

_IMPORT_ALL = """
import importlib, pkgutil, sys
import catnap
assert catnap.__path__ == [sys.argv[1] + "/catnap"], catnap.__path__
for module in pkgutil.walk_packages(catnap.__path__, "catnap."):
    if "__main__" not in module.name:
        importlib.import_module(module.name)
"""


@pytest.mark.parametrize("chosen", [parts.HOST, parts.MODELS], ids=["host", "models"])
def test_what_is_copied_imports_nothing_that_is_not(chosen: parts.Parts, tmp_path: Path) -> None:
    parts.copy(chosen, tmp_path)
    done = subprocess.run(
        [sys.executable, "-P", "-c", _IMPORT_ALL, str(tmp_path)],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""


def test_all_of_it_brings_its_command_and_its_version(tmp_path: Path) -> None:
    parts.copy(parts.ALL, tmp_path)
    command = tmp_path / "bin" / "catnap"
    assert command.read_text().startswith("#!/catnap/bin/python -P\n")
    assert command.stat().st_mode & 0o111
    done = subprocess.run(
        [sys.executable, "-P", str(command), "--version"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("catnap, version ")


def test_a_skill_gets_no_part_of_the_gateway(tmp_path: Path) -> None:
    parts.copy(parts.HOST, tmp_path)
    assert not (tmp_path / "catnap" / "gateway").exists()
    assert not (tmp_path / "bin").exists()


def test_the_parts_of_a_skill_and_of_the_gateway_differ() -> None:
    assert parts.digest(parts.HOST) != parts.digest(parts.ALL)
    assert parts.digest(parts.HOST) == parts.digest(parts.HOST)
