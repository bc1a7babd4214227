"""What is remembered of images, in the state folder:

containers/bases/<id>.json               what is inside a base
containers/<name>/<tag>.json             an image that was built
containers/<name>/<tag>.cdx.json         its SBOM
containers/<name>/<tag>.<target>.json    where it was published, and as what
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def folder(home: Path) -> Path:
    """There also what is built takes shape, beside where it may be linked from."""
    made = home / "containers"
    made.mkdir(parents=True, exist_ok=True)
    return made


def base(home: Path, identity: str) -> Path:
    return folder(home) / "bases" / f"{identity.removeprefix('sha256:')}.json"


def built(home: Path, name: str, tag: str) -> Path:
    return folder(home) / name / f"{tag}.json"


def sbom(home: Path, name: str, tag: str) -> Path:
    return folder(home) / name / f"{tag}.cdx.json"


def published(home: Path, name: str, tag: str, *target: str) -> Path:
    key = hashlib.sha256("\0".join(target).encode()).hexdigest()[:12]
    return folder(home) / name / f"{tag}.{key}.json"


def read(path: Path, kind: type[T]) -> T | None:
    """None where nothing is remembered, or another version wrote it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write(path: Path, value: object) -> None:
    keep(path, msgspec.json.encode(value))


def keep(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(f".{os.getpid()}.new")
    scratch.write_bytes(content)
    scratch.replace(path)
