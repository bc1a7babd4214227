"""Packages for an image, from wheels made here, without a registry."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.services.containers import lock, packages
from catnap.services.containers.base import Base
from tests.services.test_environment import wheel

BASE = Base("base", "sha256:1", "", "3.11", f"{platform.machine()}-manylinux_2_28")


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    scripts = {
        "tiny-1.0.dist-info/entry_points.txt": b"[console_scripts]\ntiny = tiny:main\n",
        "tiny-1.0.data/scripts/odd": b"#!python\nprint('odd')\n",
    }
    path = tmp_path / "requirements.txt"
    path.write_text(wheel(tmp_path, "tiny", {"tiny.py": b"answer = 42\n", **scripts}))
    return path


async def test_what_is_fetched_tells_nothing_of_this_machine(locked: Path, tmp_path: Path) -> None:
    into = tmp_path / "packages"
    await packages.fetch(locked, BASE, into, "tiny")
    assert packages.installed(into) == {"tiny": "1.0"}
    assert (into / "tiny.py").read_bytes() == b"answer = 42\n"
    files = {str(path.relative_to(into)) for path in into.rglob("*") if path.is_file()}
    assert files == {
        *("tiny.py", "bin/tiny", "bin/odd"),
        *(f"tiny-1.0.dist-info/{each}" for each in ("METADATA", "WHEEL", "entry_points.txt")),
    }
    for path in files:
        assert str(tmp_path).encode() not in (into / path).read_bytes()
    for script in ("tiny", "odd"):
        assert (into / "bin" / script).read_text().splitlines()[0] == f"#!{packages.PYTHON}"


async def test_a_long_path_to_python_is_no_different(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "long"
    script.write_bytes(b"#!/bin/sh\n'''exec' '/a b/python' \"$0\" \"$@\"\n' '''\nimport sys\n")
    packages.neutral(tmp_path)
    assert script.read_text() == f"#!{packages.PYTHON}\nimport sys\n"


async def test_a_hash_that_does_not_fit_is_refused(locked: Path, tmp_path: Path) -> None:
    locked.write_text(locked.read_text()[:-65] + "0" * 64 + "\n")
    with pytest.raises(InvalidRequest, match=r"(?i)tiny: its packages are not to be had.*hash"):
        await packages.fetch(locked, BASE, tmp_path / "packages", "tiny")


async def test_a_lock_without_hashes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("tiny==1.0\n")
    with pytest.raises(InvalidRequest, match="--require-hashes"):
        await packages.fetch(tmp_path / "requirements.txt", BASE, tmp_path / "packages", "x")


async def test_a_lock_that_lacks_what_the_host_needs_says_so(locked: Path, tmp_path: Path) -> None:
    await packages.fetch(locked, BASE, tmp_path / "packages", "tiny")
    with pytest.raises(InvalidRequest, match="skill lacks httptools, msgspec: run `catnap lock`"):
        packages.check_host(tmp_path / "packages", lock.HOST, "skill")
