"""What of the kernel's cgroups this process has, and may give to others.

Source: cgroups(7), and the kernel's admin-guide/cgroup-v2.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

CONTROLLERS = ("cpu", "memory", "pids")
"""Those that bound an instance."""


def own_cgroup(cgroup: str, mountinfo: str) -> Path | None:
    """The folder of this process's cgroup, from its /proc files; None where it
    has none, or where it cannot be seen from here.

    Source: proc_pid_cgroup(5), proc_pid_mountinfo(5).
    """
    path = next((line[3:] for line in cgroup.splitlines() if line.startswith("0::/")), "")
    for line in mountinfo.splitlines():
        fields, _, kind = line.partition(" - ")
        if path and kind.startswith("cgroup2 "):
            root, mount = fields.split()[3:5]
            if ".." not in path.split("/") and Path(path).is_relative_to(root):
                return Path(mount, Path(path).relative_to(root))
    return None


def here() -> Path | None:
    """As `own_cgroup`, of this very process."""
    return own_cgroup(read(Path("/proc/self/cgroup")), read(Path("/proc/self/mountinfo")))


def expected(own: Path | None) -> tuple[str, ...] | None:
    """The controllers that instances of this process would have, and None where
    they would have no cgroup. Changes nothing."""
    if own is None or not os.access(own, os.W_OK | os.X_OK):
        return None
    has = _controllers(own / "cgroup.controllers")
    given = _controllers(own / "cgroup.subtree_control")
    is_root = not (own / "cgroup.type").exists()
    return has if not given and (is_root or _all_ours(own)) else given


def pass_on(folder: Path) -> tuple[str, ...]:
    """Gives a folder's children the controllers that it has itself; says which
    they have then."""
    for each in _controllers(folder / "cgroup.controllers"):
        write(folder / "cgroup.subtree_control", f"+{each}")
    return _controllers(folder / "cgroup.subtree_control")


def step_aside(own: Path, leaf: Path) -> bool:
    """Leaves for `leaf` a cgroup that the kernel gives its children no
    controllers of, since there are processes in it: if they are all ours, and
    if there are any controllers to be had."""
    if not _controllers(own / "cgroup.controllers") or not _all_ours(own):
        return False
    with contextlib.suppress(OSError):
        leaf.mkdir()
    for pid in read(own / "cgroup.procs").split():
        write(leaf / "cgroup.procs", pid)
    return True


def _controllers(path: Path) -> tuple[str, ...]:
    found = read(path).split()
    return tuple(each for each in CONTROLLERS if each in found)


def _all_ours(own: Path) -> bool:
    """Whether all that is in it is this process or a child of it."""
    pids = read(own / "cgroup.procs").split()
    return bool(pids) and all(_is_ours(pid) for pid in pids)


def _is_ours(pid: str) -> bool:
    parent = read(Path("/proc", pid, "stat")).rpartition(")")[2].split()[1:2]
    return str(os.getpid()) in (pid, *parent)


def read(path: Path) -> str:
    """What a file of the kernel's says; nothing where it says nothing."""
    try:
        return path.read_text()
    except OSError:
        return ""


def write(path: Path, value: str) -> None:
    """Asks the kernel for something, which it may refuse."""
    with contextlib.suppress(OSError), path.open("w") as file:
        file.write(value)
