"""Paths inside a folder, one part at a time, following no link.

Whoever owns the folder may replace any part of it by a link at any moment, and
may make paths longer than the kernel takes in one piece: so each part is opened
by itself, from the folder that was opened before it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def leads_inside(path: bytes) -> bool:
    return b"\0" not in path and {b"", b".", b".."}.isdisjoint(path.split(b"/"))


@contextmanager
def parent(root: int, path: bytes) -> Iterator[tuple[int, bytes]]:
    """A descriptor of the folder that holds it, and its name there.

    root: the descriptor that paths begin at. Raises OSError, and ValueError for
    a path that would lead out.
    """
    if not leads_inside(path):
        raise ValueError(f"{path!r} is no path inside a folder")
    *folders, name = path.split(b"/")
    here = root
    try:
        for each in folders:
            inner = os.open(each, FOLDER, dir_fd=here)
            if here != root:
                os.close(here)
            here = inner
        yield here, name
    finally:
        if here != root:
            os.close(here)
