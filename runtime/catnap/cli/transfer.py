"""Which file goes under which key, and which key into which file. Pure, but
for looking at folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from catnap.errors import Conflict, InvalidRequest


@dataclass(frozen=True)
class Upload:
    path: Path
    key: str
    size: int
    """Bytes, when it was looked at."""


def uploads(paths: Sequence[str], prefix: str) -> list[Upload]:
    """What `put` sends. A folder keeps its name; written with a `/` at its
    end, only what is in it is sent.

    Raises InvalidRequest where two files would have one key, or a name is not
    UTF-8; FileNotFoundError where a path leads nowhere.
    """
    found: dict[str, Upload] = {}
    for text in paths:
        for path, name in _files(text):
            key = f"{prefix.strip('/')}/{name}".lstrip("/")
            if key in found:
                raise InvalidRequest(f"{path} and {found[key].path} would both be {key!r}")
            try:
                key.encode()
            except UnicodeEncodeError:
                raise InvalidRequest(f"{os.fsencode(path)!r}: its name is not UTF-8") from None
            found[key] = Upload(path, key, path.stat().st_size)
    return list(found.values())


def _files(text: str) -> Iterator[tuple[Path, str]]:
    path = Path(text)
    if not path.is_dir():
        if not path.exists():
            raise FileNotFoundError(2, "no such file or folder", text)
        yield path, path.name
        return
    root = path if text.endswith(("/", "/.")) or path.name in ("", "..") else path.parent
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            each = Path(folder, name)
            if each.is_file():
                yield each, each.relative_to(root).as_posix()


def destination(key: str, prefix: str, folder: Path) -> Path:
    """Where `get` writes one of the files below a prefix.

    Raises InvalidRequest for a key that would leave the folder.
    """
    inside = PurePosixPath(key.removeprefix(prefix))
    if inside.is_absolute() or ".." in inside.parts or not inside.parts:
        raise InvalidRequest(f"file {key!r} has no place inside {folder}")
    return folder / inside


def copies(source: str, target: str, below: Sequence[str]) -> list[tuple[str, str]]:
    """Which key is copied to which. below: what `source` stands for: all keys
    that begin with it where it ends in a slash, else itself."""
    target = "" if target == "." else target.removeprefix("./")
    if target and not target.endswith("/") and not source.endswith("/"):
        return [(source, target)]
    start = source.rfind("/") + 1
    return [(key, f"{target.rstrip('/')}/{key[start:]}".lstrip("/")) for key in below]


def count(number: int) -> str:
    return f"{number} file" if number == 1 else f"{number} files"


def check_free(path: Path, force: bool) -> None:
    """Raises Conflict where a file would be overwritten."""
    if path.exists() and not force:
        raise Conflict(f"{path} exists already: give --force to overwrite it, or another PATH")
