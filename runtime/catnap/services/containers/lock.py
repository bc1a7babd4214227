"""Locked requirements: versions and hashes, as `uv pip compile` writes them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "locks"
"""The locks of our own images; `make lock` writes them."""

HOST = FOLDER / "host.txt"
"""What an instance is made of whose skill has no packages of its own."""

WORKSPACES = FOLDER / "workspaces.txt"
"""The same where each session has a folder of its own."""

OPTIONAL = frozenset(("uvloop",))
"""Of that, what an instance is faster with and does without."""

_PIN = re.compile(r"([A-Za-z0-9][\w.-]*)(?:\[[^]]*\])?==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class Pin:
    name: str
    version: str
    hashes: tuple[str, ...]
    """SHA-256 of every archive that may be installed."""


def pins(text: str) -> Iterator[Pin]:
    """The pinned packages of a lock, in its order."""
    for line in text.replace("\\\n", " ").splitlines():
        if found := _PIN.match(line):
            yield Pin(canonical(found[1]), found[2], tuple(_HASH.findall(line)))


def canonical(name: str) -> str:
    """A package's one name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
