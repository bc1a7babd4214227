"""The image that all others begin with, and what Python is in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

from catnap.errors import InvalidRequest
from catnap.services.containers import records
from catnap.services.containers.builder import Builder
from catnap.services.containers.process import ProgramFailed

_LOOK = """
import json, platform, sys
try:
    import venv
except ImportError:
    venv = None
libc, version = platform.libc_ver()
print(json.dumps({"python": list(sys.version_info[:2]), "venv": venv is not None,
                  "machine": platform.machine(), "libc": libc, "libc_version": version}))
"""


class Inside(msgspec.Struct, frozen=True):
    """What a base says of itself."""

    python: tuple[int, int]
    venv: bool
    machine: str
    libc: str
    libc_version: str


@dataclass(frozen=True)
class Base:
    """reference: as it was asked for. id: of the image's configuration.
    digest: of its manifest, or empty. python: such as 3.11. platform: for
    which packages are fetched, as uv calls it."""

    reference: str
    id: str
    digest: str
    python: str
    platform: str


async def look(builder: Builder, reference: str, home: Path) -> Base:
    """Looks into the base once; what it said is kept by its id.

    Raises InvalidRequest where no skill could run on it.
    """
    image = await builder.base(reference)
    kept = records.base(home, image.id)
    inside = records.read(kept, Inside)
    if inside is None:
        try:
            said = await builder.look(reference, ("python3", "-c", _LOOK))
        except ProgramFailed as error:
            raise InvalidRequest(
                f"{builder.program} cannot run python3 in the base image {reference}: CATNAP_BASE "
                f"must name one with Python 3.11 or newer ({error.said})"
            ) from None
        [line] = (line for line in said.splitlines() if line.startswith("{"))
        inside = msgspec.json.decode(line, type=Inside)
        records.write(kept, inside)
    return Base(
        reference,
        image.id,
        image.digest,
        ".".join(map(str, inside.python)),
        platform(inside, reference),
    )


def platform(inside: Inside, reference: str) -> str:
    """The platform whose wheels the base can run.

    Raises InvalidRequest, naming what the base lacks.
    """
    version = ".".join(map(str, inside.python))
    if inside.python < (3, 11):
        raise InvalidRequest(f"base image {reference} has Python {version}: needs 3.11 or newer")
    if not inside.venv:
        raise InvalidRequest(
            f"base image {reference} lacks Python's venv module: on Debian, python3-venv"
        )
    if inside.libc != "glibc":
        raise InvalidRequest(
            f"base image {reference} has no glibc, which most wheels are built for: take one of "
            "Debian's or Red Hat's family"
        )
    if inside.machine not in ("x86_64", "aarch64"):
        raise InvalidRequest(f"base image {reference} is for {inside.machine}: no wheels are")
    minor = int(inside.libc_version.split(".")[1])
    return f"{inside.machine}-manylinux_2_{28 if minor >= 28 else 17}"
