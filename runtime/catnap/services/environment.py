"""The Python environment of a skill: a venv per set of locked requirements."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

from catnap.errors import InvalidRequest, Unavailable
from catnap.skills.programs import run

_READY = "ready"
_POLL = 0.05
"""Seconds between two looks whether another builder is done."""


def lock_hash(folder: Path) -> str:
    """Names the environment that a skill needs; empty for the platform's own."""
    lock = folder / "requirements.txt"
    if not lock.is_file():
        if (folder / "requirements.in").is_file():
            raise InvalidRequest(
                f"{folder.name}: requirements.in is not locked: run `catnap lock {folder}`"
            )
        return ""
    # The interpreter belongs to it: wheels are chosen, and linked, by it.
    wanted = lock.read_bytes() + f"\0{sys.version}\0{sys.prefix}".encode()
    return hashlib.sha256(wanted).hexdigest()[:16]


def is_ready(folder: Path, home: Path) -> bool:
    """Whether `ensure` has nothing to do."""
    name = lock_hash(folder)
    return not name or (home / "environments" / name / _READY).exists()


def installer() -> str:
    """The program that installs packages; empty where there is none."""
    try:
        from uv import find_uv_bin

        return os.fsdecode(find_uv_bin())
    except (ImportError, FileNotFoundError):
        return ""


async def ensure(folder: Path, home: Path) -> Path:
    """The interpreter to run a skill with; builds its environment once.

    Raises InvalidRequest where the requirements cannot be installed, with
    what the installer said.
    """
    name = lock_hash(folder)
    if not name:
        return Path(sys.executable)
    environment = (home / "environments" / name).resolve()
    python = environment / "bin" / "python"
    if (environment / _READY).exists():
        return python
    environment.parent.mkdir(parents=True, exist_ok=True)
    async with _one_builder(environment.with_suffix(".lock")):
        if not (environment / _READY).exists():
            await _build(folder, environment, python)
    return python


@asynccontextmanager
async def _one_builder(path: Path) -> AsyncIterator[None]:
    """One at a time, across processes too. Asked again and again, since a
    thread that waits for a lock could not be called back."""
    with path.open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await asyncio.sleep(_POLL)
        yield


async def _build(folder: Path, environment: Path, python: Path) -> None:
    # What an earlier build that did not end has left.
    await asyncio.to_thread(shutil.rmtree, environment, True)
    await _run(*_uv("venv", "--python", sys.executable, str(environment)))
    await _run(
        *_uv("pip", "install", "--python", str(python), "--require-hashes", "--compile-bytecode"),
        *("--requirement", str(folder / "requirements.txt")),
    )
    [packages] = environment.glob("lib/python*/site-packages")
    # Only Catnap itself comes from the platform's environment, so that a skill
    # never meets a package it did not ask for.
    (packages / "catnap").symlink_to(Path(__file__).resolve().parents[1], True)
    await _run(str(python), "-c", "import catnap.host.zygote")
    (environment / _READY).touch()


def _uv(*arguments: str) -> tuple[str, ...]:
    if find_spec("uv") is None:
        raise Unavailable("building a skill's environment needs uv: install catnap-functions[all]")
    # A gateway that is killed must leave nobody at work on what the next builds.
    tethered = (sys.executable, "-m", "catnap.host.tether", "uv")
    return (*tethered, *arguments, "--quiet", "--no-config")


async def _run(*command: str) -> None:
    ended = await run(*command)
    if ended.status:
        text = " ".join(ended.err.decode(errors="replace").split())
        raise InvalidRequest(f"requirements.txt: no environment can be made of it: {text[-500:]}")
