"""What instances take, where no cgroup of theirs counts it.

An instance is a session of the kernel's (`setsid`), and so is what it starts,
unless that leaves it.
"""

from __future__ import annotations

import contextlib
import os
from collections import defaultdict
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

_PAGE = os.sysconf("SC_PAGE_SIZE")
_SESSION, _THREADS = 3, 17
"""Fields of `stat`, counted from the one after the name."""


@dataclass
class Usage:
    """memory: bytes that are no file's. tasks: processes, and threads of them."""

    memory: int = 0
    tasks: int = 0


def taken(sessions: AbstractSet[int]) -> dict[int, Usage]:
    """By session; nothing of those that have ended. Source: proc_pid_stat(5),
    proc_pid_statm(5)."""
    found: defaultdict[int, Usage] = defaultdict(Usage)
    # Not through pathlib, which takes ten times as long.
    for name in os.listdir("/proc") if sessions else ():  # noqa: PTH208
        if name.isdecimal():
            # It may end while it is looked at, in the middle of a file too.
            with contextlib.suppress(OSError, IndexError, ValueError):
                about = _read(f"/proc/{name}/stat").rpartition(b")")[2].split()
                session, threads = int(about[_SESSION]), int(about[_THREADS])
                if session in sessions:
                    _, resident, shared, *_ = _read(f"/proc/{name}/statm").split()
                    found[session].memory += (int(resident) - int(shared)) * _PAGE
                    found[session].tasks += threads
    return dict(found)


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
