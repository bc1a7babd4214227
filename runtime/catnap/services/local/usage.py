"""The memory that instances take, where no cgroup of theirs counts it.

An instance is a session of the kernel's (`setsid`), and so is what it starts,
unless that leaves it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Set as AbstractSet

_PAGE = os.sysconf("SC_PAGE_SIZE")


def taken(sessions: AbstractSet[int]) -> dict[int, int]:
    """Bytes in memory that are no file's, by session; nothing of those that
    have ended. Source: proc_pid_stat(5), proc_pid_statm(5)."""
    found = dict.fromkeys(sessions, 0)
    # Not through pathlib, which takes ten times as long.
    for name in os.listdir("/proc") if sessions else ():  # noqa: PTH208
        if name.isdecimal():
            with contextlib.suppress(OSError):
                session = int(_read(f"/proc/{name}/stat").rpartition(b")")[2].split()[3])
                if session in found:
                    _, resident, shared, *_ = _read(f"/proc/{name}/statm").split()
                    found[session] += (int(resident) - int(shared)) * _PAGE
    return {session: size for session, size in found.items() if size}


def _read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)
