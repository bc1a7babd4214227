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

from catnap.services.local.delegation import here, pass_on, read, step_aside, write
from catnap.services.revision import Bounds

PROCESSES = 1024
"""Processes and threads that one instance may have."""

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
        """The controllers that instances have: all of CONTROLLERS, at best."""
        self._note = home / "cgroup"
        self._left = read(self._note)
        self._folder: Path | None = None
        self._numbers = 0
        own = here()
        if own is None:
            return
        folder = own / f"{_PREFIX}{secrets.token_hex(4)}"
        try:
            folder.mkdir()
            self._note.write_text(str(folder))
        except OSError as error:
            _log.info("instances get no cgroup: %s", error)
            return
        self._folder = folder
        if not pass_on(own) and step_aside(own, _leaf(folder)):
            pass_on(own)
        self.bounding = pass_on(folder)
        _log.info("instances get cgroups in %s, bounded in %s", folder, self.bounding or "nothing")

    @property
    def unbound(self) -> set[str]:
        """The controllers that instances lack, of those that can be done without."""
        return {"memory", "pids"} - set(self.bounding)

    async def clear(self) -> None:
        """Ends what an earlier platform of this state has left."""
        left = Path(self._left)
        if left.name.startswith(_PREFIX):
            await _end(left)
            _removed(_leaf(left))

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
        pass_on(made)
        return made

    def limits(self, bounds: Bounds) -> dict[str, str]:
        """What to write to which file of an instance's cgroup."""
        files = {
            "cpu": {"cpu.max": f"{round(bounds.cpu * PERIOD) or 'max'} {PERIOD}"},
            "memory": {"memory.max": f"{bounds.memory or 'max'}", "memory.oom.group": "1"},
            "pids": {"pids.max": str(PROCESSES)},
        }
        return {file: value for each in self.bounding for file, value in files[each].items()}

    async def remove(self, made: Path) -> None:
        """Ends whatever a folder of `make` still holds, and removes it."""
        await _end(made)

    async def close(self) -> None:
        if self._folder is not None:
            await _end(self._folder)
            # Whoever stepped aside is in his leaf to his end: the next one takes it away.
            if not self._folder.exists() and not _leaf(self._folder).exists():
                self._note.unlink(missing_ok=True)


def _leaf(folder: Path) -> Path:
    """Where the gateway goes to, if it has to step aside."""
    return folder.with_name(f"{folder.name}.gateway")


async def _end(folder: Path) -> None:
    """Kills what is in a folder and those in it, and removes them."""
    if not (folder / "cgroup.kill").exists():
        return
    write(folder / "cgroup.kill", "1")
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
