"""The children of a zygote, and what they leave behind."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable

from catnap.host import cgroup
from catnap.host.cgroup import Cgroups
from catnap.host.offspring import Child, children, kill_group
from catnap.host.orders import Exited


class Reaper:
    """Knows a child from its fork until it is reaped. What an instance has
    started ends with it: by its cgroup, or where it has none, since whoever
    loses its parent becomes a child here.

    on_exit: called with how an instance has ended.
    """

    def __init__(self, cgroups: Cgroups, on_exit: Callable[[Exited], None]) -> None:
        self._cgroups = cgroups
        self._on_exit = on_exit
        self._known: dict[int, tuple[str, str]] = {}
        """Name and cgroup by process id; no instance has no name."""

    def know(self, child: Child, name: str = "") -> None:
        """name: of the instance that it is from now on."""
        self._known[child.pid] = (name, child.cgroup)

    def kill(self, name: str, number: int) -> None:
        """Signals an instance; one that has ended is left in peace."""
        for pid, (known, _) in self._known.items():
            if known == name:
                if number == signal.SIGKILL:
                    kill_group(pid)
                else:
                    os.kill(pid, number)

    def reap(self) -> set[int]:
        """Collects what has ended, and whatever that has left behind; gives the
        process ids."""
        reaped: set[int] = set()
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                reaped.add(ended.si_pid)
                self._reap(ended.si_pid)
        return reaped

    def _reap(self, pid: int) -> None:
        if pid in self._known:
            # Still a zombie, so that no other group can have its number.
            kill_group(pid)
        _, status = os.waitpid(pid, 0)
        name, folder = self._known.pop(pid, ("", ""))
        outgrew = cgroup.outgrew(folder)
        self._cgroups.end(folder)
        if not folder:
            self._kill_strays()
        if name:
            self._on_exit(Exited(name, os.waitstatus_to_exitcode(status), outgrew))

    def _kill_strays(self) -> None:
        """Those whose parent, an instance or another stray, has ended."""
        for pid in children():
            if pid not in self._known:
                kill_group(pid)

    def end(self) -> None:
        """Tells all to end."""
        for pid in self._known:
            os.kill(pid, signal.SIGTERM)

    @property
    def alone(self) -> bool:
        return not self._known

    def end_now(self) -> None:
        """Kills all that is left, strays too, and waits until they are gone."""
        for pid, (_, folder) in self._known.items():
            kill_group(pid)
            self._cgroups.end(folder)
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, 0)
                _, folder = self._known.pop(pid, ("", ""))
                if not folder:
                    self._kill_strays()
