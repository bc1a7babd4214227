"""A skill's own packages, from wheels made here, without a registry."""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import httptools
import msgspec
import pytest

from catnap.errors import InvalidRequest
from catnap.services import environment


def wheel(folder: Path, name: str, files: dict[str, bytes]) -> str:
    """A wheel of these files, as a line of requirements.txt."""
    info = f"{name}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    tag = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": tag.encode(),
    }
    record = "".join(f"{each},,\n" for each in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(each, content)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name} @ {path.as_uri()} --hash=sha256:{digest}\n"


def installed(package: str, file: str) -> dict[str, bytes]:
    root = Path(file).parent
    paths = [each for each in root.rglob("*") if each.is_file() and each.suffix != ".pyc"]
    return {f"{package}/{each.relative_to(root)}": each.read_bytes() for each in paths}


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    """A skill with a package of its own beside what the host needs."""
    folder = tmp_path / "skill"
    folder.mkdir()
    (folder / "requirements.txt").write_text(
        wheel(tmp_path, "msgspec", installed("msgspec", msgspec.__file__))
        + wheel(tmp_path, "httptools", installed("httptools", httptools.__file__))
        + wheel(tmp_path, "tiny", {"tiny.py": b"answer = 42\n"})
    )
    return folder


def run(python: Path, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)


async def test_a_skill_without_requirements_runs_in_ours(tmp_path: Path) -> None:
    assert await environment.ensure(tmp_path, tmp_path) == Path(sys.executable)
    assert environment.is_ready(tmp_path, tmp_path)


async def test_a_skill_has_its_own_packages_and_none_of_ours(skill: Path, tmp_path: Path) -> None:
    assert not environment.is_ready(skill, tmp_path)
    python = await environment.ensure(skill, tmp_path)
    assert environment.is_ready(skill, tmp_path)
    assert run(python, "import tiny, catnap.host.app; print(tiny.answer)").stdout == "42\n"
    assert "No module named 'grpc'" in run(python, "import grpc").stderr


async def test_several_who_need_it_at_once_build_it_once(skill: Path, tmp_path: Path) -> None:
    pythons = await asyncio.gather(*(environment.ensure(skill, tmp_path) for _ in range(5)))
    assert len(set(pythons)) == 1
    assert run(pythons[0], "import tiny").returncode == 0


async def test_a_build_that_is_given_up_leaves_nobody_at_work(skill: Path, tmp_path: Path) -> None:
    build = asyncio.create_task(environment.ensure(skill, tmp_path))
    while not (tmp_path / "environments").exists() or not list(
        (tmp_path / "environments").glob("*/pyvenv.cfg")
    ):
        await asyncio.sleep(0.005)
    build.cancel()
    with pytest.raises(asyncio.CancelledError):
        await build
    assert not environment.is_ready(skill, tmp_path)
    python = await environment.ensure(skill, tmp_path)
    assert run(python, "import tiny").returncode == 0


async def test_a_build_that_failed_is_no_environment(skill: Path, tmp_path: Path) -> None:
    lock = skill / "requirements.txt"
    lock.write_text(lock.read_text()[:-65] + "0" * 64 + "\n")
    with pytest.raises(InvalidRequest, match=r"(?i)hash"):
        await environment.ensure(skill, tmp_path)
    assert not environment.is_ready(skill, tmp_path)


async def test_a_lock_that_lacks_what_the_host_needs_says_so(skill: Path, tmp_path: Path) -> None:
    lock = skill / "requirements.txt"
    lines = lock.read_text().splitlines()
    lock.write_text("\n".join(each for each in lines if not each.startswith("msgspec")))
    with pytest.raises(InvalidRequest, match="No module named 'msgspec'"):
        await environment.ensure(skill, tmp_path)


async def test_requirements_that_are_not_locked_are_refused(tmp_path: Path) -> None:
    (tmp_path / "requirements.in").write_text("numpy\n")
    with pytest.raises(InvalidRequest, match="catnap lock"):
        await environment.ensure(tmp_path, tmp_path)
