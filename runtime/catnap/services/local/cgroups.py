"""Where the cgroups of instances are made: below the gateway's own.

Folders of the kernel's cgroup v2 file system:

    <the gateway's>/catnap-<random>/<zygote>/<instance>
    <the gateway's>/catnap-<random>.gateway      the gateway, where it had to step aside

There may be none to be had: no such file system, or not ours to write to. Then
an instance is a process group only, and its limits do not bind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
from pathlib import Path

from catnap.services.revision import Bounds

BOUNDS = ("cpu", "memory")
"""The kernel's controllers that limits of a manifest are for."""

PERIOD = 100_000
"""Microseconds over which a share of a processor is counted; the kernel's own default."""

EMPTY = 2.0
"""Seconds in which what was killed must be gone."""

_PREFIX = "catnap-"
_log = logging.getLogger(__name__)


class Cgroups:
    """The folder of one platform. home: remembers it, so that the next
    platform of this state ends what a killed one has left."""

    def __init__(self, home: Path) -> None:
        """Makes the folder, if there may be one."""
        self.bounding: tuple[str, ...] = ()
        """The controllers that instances have: those of BOUNDS, at best."""
        self._note = home / "cgroup"
        self._left = _read(self._note)
        self._folder: Path | None = None
        self._numbers = 0
        try:
            own = own_cgroup(
                Path("/proc/self/cgroup").read_text(), Path("/proc/self/mountinfo").read_text()
            )
            if own is None:
                return
            folder = own / f"{_PREFIX}{secrets.token_hex(4)}"
            folder.mkdir()
            self._note.write_text(str(folder))
        except OSError as error:
            _log.info("instances get no cgroup: %s", error)
            return
        self._folder = folder
        if not _passed_on(own) and _step_aside(own, folder):
            _passed_on(own)
        self.bounding = _passed_on(folder)
        _log.info("instances get cgroups in %s, bounded in %s", folder, self.bounding or "nothing")

    @property
    def there(self) -> bool:
        """Whether instances have cgroups at all."""
        return self._folder is not None

    async def clear(self) -> None:
        """Ends what an earlier platform of this state has left."""
        left = Path(self._left)
        if left.name.startswith(_PREFIX):
            await _end(left)
            _removed(left.with_name(f"{left.name}.gateway"))

    def make(self) -> Path | None:
        """A folder for one zygote's instances."""
        if self._folder is None:
            return None
        self._numbers += 1
        made = self._folder / str(self._numbers)
        try:
            made.mkdir()
        except OSError as error:
            _log.warning("instances get no cgroup: %s", error)
            return None
        _passed_on(made)
        return made

    def limits(self, bounds: Bounds) -> dict[str, str]:
        """What to write to which file of an instance's cgroup."""
        files = {
            "cpu": {"cpu.max": f"{round(bounds.cpu * PERIOD) or 'max'} {PERIOD}"},
            "memory": {"memory.max": f"{bounds.memory or 'max'}", "memory.oom.group": "1"},
        }
        return {file: value for each in self.bounding for file, value in files[each].items()}

    async def remove(self, made: Path) -> None:
        """Ends whatever a folder of `make` still holds, and removes it."""
        await _end(made)

    async def close(self) -> None:
        if self._folder is not None:
            await _end(self._folder)
            self._note.unlink(missing_ok=True)


def own_cgroup(cgroup: str, mountinfo: str) -> Path | None:
    """The folder of this process's cgroup, from its /proc files; None where it
    has none, or where it cannot be seen from here.

    Source: cgroups(7), proc(5).
    """
    path = next((line[3:] for line in cgroup.splitlines() if line.startswith("0::/")), "")
    for line in mountinfo.splitlines():
        fields, _, kind = line.partition(" - ")
        if path and kind.startswith("cgroup2 "):
            root, mount = fields.split()[3:5]
            if ".." not in path.split("/") and Path(path).is_relative_to(root):
                return Path(mount, Path(path).relative_to(root))
    return None


def _passed_on(folder: Path) -> tuple[str, ...]:
    """Gives a folder's children the controllers that it has itself; says which
    they have then."""
    has = _read(folder / "cgroup.controllers").split()
    for each in BOUNDS:
        if each in has:
            _write(folder / "cgroup.subtree_control", f"+{each}")
    passed = _read(folder / "cgroup.subtree_control").split()
    return tuple(each for each in BOUNDS if each in passed)


def _step_aside(own: Path, folder: Path) -> bool:
    """Leaves a cgroup that the kernel gives its children no controllers of,
    since there are processes in it: if they are all ours, and if there are any
    controllers to be had."""
    pids = _read(own / "cgroup.procs").split()
    if not set(BOUNDS) & set(_read(own / "cgroup.controllers").split()):
        return False
    if not pids or not all(_is_ours(pid) for pid in pids):
        return False
    leaf = folder.with_name(f"{folder.name}.gateway")
    with contextlib.suppress(OSError):
        leaf.mkdir()
    for pid in pids:
        _write(leaf / "cgroup.procs", pid)
    return True


def _is_ours(pid: str) -> bool:
    """Whether it is this process or a child of it."""
    parent = _read(Path("/proc", pid, "stat")).rpartition(")")[2].split()[1:2]
    return str(os.getpid()) in (pid, *parent)


async def _end(folder: Path) -> None:
    """Kills what is in a folder and those in it, and removes them."""
    if not (folder / "cgroup.kill").exists():
        return
    _write(folder / "cgroup.kill", "1")
    last = asyncio.get_running_loop().time() + EMPTY
    while not _removed(folder):
        if asyncio.get_running_loop().time() > last:
            _log.warning("%s holds processes that cannot be killed", folder)
            return
        await asyncio.sleep(0.01)


def _removed(folder: Path) -> bool:
    for path, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(path).rmdir()
    return not folder.exists()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _write(path: Path, value: str) -> None:
    with contextlib.suppress(OSError), path.open("w") as file:
        file.write(value)
