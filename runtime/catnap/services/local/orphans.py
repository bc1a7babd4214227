"""What a zygote that was killed has left, where no cgroup holds it.

The kernel ends its instances with it. What those have started is known by a
mark in the environment that it began with, whoever its parent is by now, and
whatever process group it has made for itself.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

MARK = "CATNAP_ZYGOTE"
"""The variable of a zygote and of its instances that tells it from all others."""


def end(mark: str) -> None:
    """Kills all that began with it, and what that starts meanwhile. Source:
    proc_pid_environ(5)."""
    word = f"{MARK}={mark}".encode()
    killed: set[int] = set()
    while sys.platform == "linux" and (found := _kill(word, killed)):
        killed |= found


def _kill(word: bytes, but: set[int]) -> set[int]:
    """The process ids of those that were found and killed."""
    found = set()
    for path in Path("/proc").iterdir():
        if path.name.isdecimal() and (pid := int(path.name)) not in but:
            with contextlib.suppress(OSError), contextlib.ExitStack() as undo:
                # Before it is read: the number may become another process's.
                process = os.pidfd_open(pid)
                undo.callback(os.close, process)
                if word in (path / "environ").read_bytes().split(b"\0"):
                    signal.pidfd_send_signal(process, signal.SIGKILL)
                    found.add(pid)
    return found
