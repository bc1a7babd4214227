"""A folder's removal, whatever a skill has left in it."""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(folder: Path) -> None:
    """Removes it with all that is in it, as far as it is ours to remove; one
    that is not there is fine. Blocks.

    What is deep is lifted up to the top before it is removed. So neither a path
    that is longer than the system takes nor one with more parts than a
    recursion may have is in the way, and two descriptors do.
    """
    with contextlib.suppress(OSError):
        root = os.open(folder, _FOLDER)
        try:
            _empty(root)
        finally:
            os.close(root)
        folder.rmdir()


def _empty(root: int) -> None:
    names = (f".{number}" for number in itertools.count())
    waiting = _clear(root)
    while waiting:
        name = waiting.pop()
        with contextlib.suppress(OSError):
            here = os.open(name, _FOLDER, dir_fd=root)
            try:
                for inner in _clear(here):
                    lifted = next(each for each in names if not _is_there(root, each))
                    os.rename(inner, lifted, src_dir_fd=here, dst_dir_fd=root)
                    waiting.append(lifted)
            finally:
                os.close(here)
            os.rmdir(name, dir_fd=root)


def _clear(folder: int) -> list[str]:
    """Removes what is no folder; the names of those that are, which we may
    enter and move from now on."""
    folders = []
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            try:
                os.unlink(name, dir_fd=folder)
            except IsADirectoryError:
                _own(folder, name)
                folders.append(name)
    return folders


def _own(folder: int, name: str) -> None:
    """Through its descriptor: the name may lead elsewhere at any moment."""
    found = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    try:
        os.chmod(f"/proc/self/fd/{found}", 0o700)  # noqa: PTH101 - a descriptor
    finally:
        os.close(found)


def _is_there(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
