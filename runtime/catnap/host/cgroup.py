"""A cgroup for each instance, where the gateway has a place for them.

Whatever an instance has started is in it, process group or not: so all of it
ends with the instance, and the instance's bounds are over all of it. Folders of
the kernel's cgroup v2 file system; nothing here waits, and what the kernel
refuses is done without.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Mapping
from pathlib import Path


class Cgroups:
    """The cgroups of one zygote's instances. parent: the folder to make them
    in; empty for none."""

    def __init__(self, parent: str) -> None:
        self._parent = parent
        self._numbers = itertools.count(1)
        self._ended: list[str] = []

    def make(self) -> str:
        """A new one's folder, or nothing."""
        self.sweep()
        path = f"{self._parent}/{next(self._numbers)}"
        try:
            if self._parent:
                Path(path).mkdir()
                return path
        except OSError:
            self._parent = ""  # whoever it belongs to has taken it away
        return ""

    def end(self, path: str) -> None:
        """Kills what is still in it, and removes it as soon as it is empty."""
        if path:
            _write(f"{path}/cgroup.kill", "1")
            self._ended.append(path)
            self.sweep()

    def sweep(self) -> None:
        """Removes those that have become empty."""
        self._ended = [path for path in self._ended if not _removed(path)]


def bound(path: str, limits: Mapping[str, str]) -> None:
    """Sets the bounds of a cgroup, by the kernel's file, such as `memory.max`."""
    if path:
        for file, value in limits.items():
            _write(f"{path}/{file}", value)


def outgrew(path: str) -> bool:
    """Whether the kernel killed something in it because of `memory.max`."""
    with contextlib.suppress(OSError), open(f"{path}/memory.events") as file:
        return any(line.startswith("oom_kill ") and int(line[9:]) for line in file)
    return False


def enter(path: str) -> None:
    """Puts this process into it."""
    if path:
        _write(f"{path}/cgroup.procs", "0")


def _write(path: str, value: str) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, value.encode())
        finally:
            os.close(descriptor)


def _removed(path: str) -> bool:
    try:
        Path(path).rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
