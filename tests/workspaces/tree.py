"""What a folder holds, for comparing."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any


def tree(folder: Path) -> dict[bytes, Any]:
    """By path: where a link leads; of a file and a folder the mode, and of a
    file what it holds and its time."""
    found: dict[bytes, Any] = {}
    for here, folders, files in os.walk(folder):
        for path in map(Path(here).joinpath, folders + files):
            status = path.lstat()
            about: Any = (stat.S_IMODE(status.st_mode), None)
            if stat.S_ISLNK(status.st_mode):
                about = os.fsencode(path.readlink())
            elif stat.S_ISREG(status.st_mode):
                about = stat.S_IMODE(status.st_mode), path.read_bytes(), status.st_mtime_ns
            found[os.fsencode(path.relative_to(folder))] = about
    return found
