"""A zygote's child, as its parent has it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence

import msgspec

from catnap.host.cgroup import bound


class Child(msgspec.Struct):
    """outbox: where the order that it is for goes. cgroup: its folder, or nothing."""

    pid: int
    outbox: socket.socket
    cgroup: str

    def bear(self, order: bytes, descriptors: Sequence[int], limits: Mapping[str, str]) -> bool:
        """Makes it an instance, within its limits; False where it has ended."""
        bound(self.cgroup, limits)
        with self.outbox:
            try:
                socket.send_fds(self.outbox, [order], list(descriptors))
            except OSError:
                return False
        return True


def children() -> list[int]:
    """The process ids of this process's children, zombies among them."""
    own, found = str(os.getpid()).encode(), []
    for name in os.listdir("/proc") if sys.platform == "linux" else ():
        if name.isdecimal():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                if file.read().rpartition(b")")[2].split(None, 2)[1] == own:
                    found.append(int(name))
    return found


def end_children() -> None:
    """Kills them all, and those that fall to this process by that, and waits
    until there are none."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for pid in children():
                kill_group(pid)
            os.waitpid(-1, 0)


def kill_group(pid: int) -> None:
    """Kills a child that is not reaped yet, and what is in its process group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # It has not made its group yet, or all of it has ended.
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(pid, signal.SIGKILL)
