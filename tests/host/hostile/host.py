"""A `catnap host` of a typed skill as a process of its own, and what it costs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..conftest import ENV
from .messages import SKILL

PROC = Path("/proc/self/status").exists()


class Host:
    """What is known of the process, by Linux."""

    def __init__(self, process: subprocess.Popen[str], path: str, log: Path) -> None:
        self.path = path
        self._process = process
        self._log = log
        self._proc = Path(f"/proc/{process.pid}")

    @property
    def resident(self) -> int:
        """Bytes of memory that it holds."""
        return self._status("VmRSS")

    @property
    def peak(self) -> int:
        """The most that it ever held."""
        return self._status("VmHWM")

    def _status(self, name: str) -> int:
        found = re.search(rf"{name}:\s+(\d+) kB", (self._proc / "status").read_text())
        assert found
        return int(found[1]) * 1024

    @property
    def descriptors(self) -> int:
        """Files and sockets that it has open."""
        return len(list((self._proc / "fd").iterdir()))

    def logged(self) -> str:
        """All that it wrote to stderr so far."""
        return self._log.read_text()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@contextmanager
def hosting(folder: Path, code: str = SKILL) -> Iterator[Host]:
    (folder / "skill.toml").write_text('name = "typed"\ndescription = "What it gets."\n')
    (folder / "main.py").write_text(code)
    path, log = folder / "host.sock", folder / "stderr"
    with log.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "catnap.host", folder, "--socket", path],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**ENV, "PATH": os.defpath},
        )
    host = Host(process, str(path), log)
    try:
        assert process.stdout
        assert "ready on" in process.stdout.readline()
        yield host
    finally:
        host.end()
