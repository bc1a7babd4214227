"""The packages of an image: fetched here, so that the build needs no network
and nobody's credentials."""

from __future__ import annotations

import sys
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path

from catnap.errors import InvalidRequest, Unavailable
from catnap.services.containers.base import Base
from catnap.services.containers.lock import OPTIONAL, canonical, pins
from catnap.services.containers.process import ProgramFailed, run

PYTHON = "/catnap/bin/python"
"""In every image."""

_OF_THIS_MACHINE = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")


async def fetch(lock: Path, base: Base, into: Path, what: str) -> None:
    """Puts the wheels that a lock names, for the base's Python, into a folder.
    They come from where uv is configured to look. what: whose lock it is.

    Raises InvalidRequest with uv's reason where they are not to be had.
    """
    if find_spec("uv") is None:
        raise Unavailable("building images needs uv: install catnap-functions[gateway]")
    into.mkdir()
    try:
        await run(
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", sys.executable),
            *("--python-platform", base.platform, "--python-version", base.python),
            *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
            *("--target", str(into), "--requirement", str(lock.resolve())),
            # Where no project's pyproject.toml is, of which uv would read too.
            folder=into,
        )
    except ProgramFailed as error:
        raise InvalidRequest(f"{what}: its packages are not to be had: {error.said}") from None
    neutral(into)


def neutral(folder: Path) -> None:
    """Removes what tells of the machine that fetched them."""
    (folder / ".lock").unlink(missing_ok=True)
    for info in folder.glob("*.dist-info"):
        for name in _OF_THIS_MACHINE:
            (info / name).unlink(missing_ok=True)
    for script in folder.glob("bin/*"):
        text = script.read_bytes()
        if text.startswith(b"#!"):
            # A path too long for a kernel takes three lines.
            lines = 3 if text.startswith(b"#!/bin/sh\n'''exec'") else 1
            body = text.split(b"\n", lines)[lines]
            script.unlink()  # it may be a link into uv's cache
            script.write_bytes(b"#!" + PYTHON.encode() + b"\n" + body)
            script.chmod(0o755)


def installed(folder: Path) -> dict[str, str]:
    """The packages in a folder: names and versions, by name."""
    return dict(sorted((canonical(d.name), d.version) for d in distributions(path=[str(folder)])))


def check_host(folder: Path, host: Path, what: str) -> None:
    """Raises InvalidRequest where a lock lacks what every instance needs."""
    needed = {pin.name for pin in pins(host.read_text())} - OPTIONAL
    if missing := sorted(needed - set(installed(folder))):
        raise InvalidRequest(f"{what} lacks {', '.join(missing)}: run `catnap lock` on its folder")
