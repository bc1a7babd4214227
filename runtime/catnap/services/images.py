"""A skill's folder, kept as it was when it was deployed.

An image here is a folder named by the digest of its content, so a revision
stays what it is while its source is edited.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from catnap.errors import InvalidRequest

_LEFT_OUT = {"tests", "__pycache__", "node_modules"}
_PREFIX = "catnap.local/"


@dataclass(frozen=True)
class Image:
    reference: str
    """`catnap.local/<name>@sha256:<digest>`, as a Service object names it."""
    path: Path


def digest(folder: Path) -> str:
    """SHA-256 over the names and contents of what belongs to the skill, and
    over which of it can be run.

    Raises InvalidRequest, naming the file, for what cannot be read or copied.
    """
    whole = hashlib.sha256()
    for path, mode in _files(folder):
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise _unreadable(path, error) from None
        whole.update(os.fsencode(path.relative_to(folder).as_posix()) + b"\0" + content)
        whole.update(b"x" if mode & stat.S_IXUSR else b"-")
    return whole.hexdigest()


def build(folder: Path, home: Path) -> Image:
    """Copies the folder to where its digest says, unless it is there.

    Raises InvalidRequest, as `digest` does.
    """
    images = home / "images"
    images.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=images, prefix=".building-"))
    try:
        for path, mode in _files(folder):
            copy = scratch / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(path, copy)
            except OSError as error:
                raise _unreadable(path, error) from None
            copy.chmod(0o755 if mode & stat.S_IXUSR else 0o644)
        # Of the copy, since the folder may be edited while it is copied.
        found = digest(scratch)
        target = images / found
        scratch.chmod(0o755)
        if not target.is_dir():
            try:
                scratch.rename(target)
            except OSError:
                if not target.is_dir():  # somebody else was faster, with the same content
                    raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Image(f"{_PREFIX}{folder.resolve().name}@sha256:{found}", target)


def find(reference: str, home: Path) -> Path:
    """The folder of an image. Raises InvalidRequest if there is none."""
    name, _, found = reference.partition("@sha256:")
    path = home / "images" / found
    if not name.startswith(_PREFIX) or not found.isalnum() or not path.is_dir():
        raise InvalidRequest(f"image {reference!r} is not on this machine")
    return path


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """What belongs to the skill, and its mode. A link to a file counts as
    that file; what is neither file nor folder, or a link to a folder, is
    refused, since it would not be in the image."""
    found: list[tuple[Path, int]] = []

    def refuse(error: OSError) -> None:
        raise _unreadable(Path(error.filename or folder), error)

    for root, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [f for f in folders if f not in _LEFT_OUT and not f.startswith(".")]
        for name in folders:
            if (path := Path(root, name)).is_symlink():
                raise InvalidRequest(f"{path} is a link to a folder: copy what it points to")
        for name in names:
            path = Path(root, name)
            if name.startswith(".") or path.suffix == ".pyc":
                continue
            try:
                mode = path.stat().st_mode
            except OSError as error:
                raise _unreadable(path, error) from None
            if not stat.S_ISREG(mode):
                raise InvalidRequest(f"{path} is no file: a skill is made of files and folders")
            found.append((path, mode))
    return iter(sorted(found))


def _unreadable(path: Path, error: OSError) -> InvalidRequest:
    return InvalidRequest(f"{path} cannot be read: {error.strerror or error}")
