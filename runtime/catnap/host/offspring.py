"""A zygote's child, as its parent has it."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping, Sequence

import msgspec

from catnap.host.cgroup import bound


class Child(msgspec.Struct):
    """outbox: where its birth goes. cgroup: its folder, or nothing."""

    pid: int
    outbox: socket.socket
    cgroup: str

    def bear(self, birth: bytes, descriptors: Sequence[int], limits: Mapping[str, str]) -> bool:
        """Makes it an instance, within its limits; False where it has ended."""
        bound(self.cgroup, limits)
        with self.outbox:
            try:
                socket.send_fds(self.outbox, [birth], list(descriptors))
            except OSError:
                return False
        return True


def kill_group(pid: int) -> None:
    """Kills a child that is not reaped yet, and what is in its process group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        # It has not made its group yet, or all of it has ended.
        if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            os.kill(pid, signal.SIGKILL)
