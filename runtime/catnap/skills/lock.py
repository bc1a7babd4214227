"""The lock of what a session has installed: a requirements file, with hashes.

    # asked: pandas==2.2.*
    numpy==2.2.6 \\
        --hash=sha256:...

It is a file of the session's workspace, so the session's own code can write it:
what is read is a list of names, versions and hashes, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from catnap.errors import InvalidRequest
from catnap.skills.requirements import normalized, parse_requirement

PLACE = Path(".catnap", "packages.lock")
"""In the workspace."""

LONGEST = 4 << 20
"""Bytes of one."""

_ASKED = "# asked: "
_HEAD = "# What this session has installed, by ctx.install; rebuilt where it wakes."
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9][A-Za-z0-9.!+_-]*)\Z")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})\Z")


class Pin(msgspec.Struct, frozen=True):
    """One package. hashes: of the wheels that it may be."""

    name: str
    version: str
    hashes: tuple[str, ...]


class Lock(msgspec.Struct, frozen=True):
    """asked: the requirements. pins: what they came to."""

    asked: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()

    @property
    def versions(self) -> dict[str, str]:
        return {pin.name: pin.version for pin in self.pins}


def parse_lock(text: str) -> Lock:
    """Raises InvalidRequest for what is no lock."""
    asked, pins = [], []
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith(_ASKED):
            asked.append(str(parse_requirement(line.removeprefix(_ASKED))))
        elif line.strip() and not line.lstrip().startswith("#"):
            pins.append(_parse_pin(line.split()))
    return Lock(tuple(asked), tuple(pins))


def format_lock(lock: Lock) -> str:
    head = [_HEAD, *(f"{_ASKED}{each}" for each in lock.asked)]
    return "\n".join(head) + "\n" + format_pins(lock.pins)


def format_pins(pins: Iterable[Pin]) -> str:
    lines = [
        f"{pin.name}=={pin.version}" + "".join(f" \\\n    --hash={each}" for each in pin.hashes)
        for pin in pins
    ]
    return "".join(f"{line}\n" for line in lines)


def read_lock(workspace: str) -> Lock:
    """Of a session; an empty one where nothing was installed. Raises
    InvalidRequest for a file that is none."""
    try:
        with (Path(workspace) / PLACE).open("rb") as file:
            text = file.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise InvalidRequest(f"{PLACE} has more than {LONGEST:,} bytes")
        return parse_lock(text.decode())
    except FileNotFoundError:
        return Lock()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{PLACE} cannot be read: {error}") from None


def write_lock(workspace: str, lock: Lock) -> None:
    """As a whole or not at all. Raises OSError."""
    path = Path(workspace) / PLACE
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(format_lock(lock))
    part.replace(path)


def _parse_pin(words: list[str]) -> Pin:
    pin, hashes = _PIN.match(words[0]), [_HASH.match(each) for each in words[1:]]
    if pin is None or not hashes or not all(hashes):
        raise InvalidRequest(
            f"{PLACE}: {' '.join(words)[:80]!r} is no name==version with the hashes of its wheels"
        )
    return Pin(normalized(pin[1]), pin[2], tuple(each[1] for each in hashes if each))
