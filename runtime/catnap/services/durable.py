"""A small file that is the old one or the new one, also after a power cut."""

from __future__ import annotations

import os
from pathlib import Path

from catnap.errors import Unavailable
from catnap.store import disk


def write(path: Path, data: bytes) -> None:
    """Makes the file hold just that; on the disk when it returns. Folders that
    it lies in are made. Raises Unavailable, and then the file is as it was."""
    try:
        _write(path, data)
    except OSError as error:
        raise Unavailable(f"{path} cannot be written: {error.strerror}") from None


def _write(path: Path, data: bytes) -> None:
    missing = [each for each in path.parents if not each.is_dir()]
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.new")
    with scratch.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    for folder in (path.parent, *(each.parent for each in missing)):
        disk.sync(folder)
