"""A real platform for tests: `catnap serve` in a process, on free ports."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.platform.reached import Reached

ROOT = Path(__file__).resolve().parents[2]
NO_MODELS = "127.0.0.1:1"
"""Nobody serves them there."""


class Running(Reached):
    """One `catnap serve`. Two with one home follow one another: a restart."""

    def __init__(self, home: Path, functions: Path, **environment: str) -> None:
        self.home = home
        self.functions = functions
        self._environment = environment
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "catnap.cli", "serve", "--json"]
        self.process = subprocess.Popen(
            command,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT / "runtime"),
                "CATNAP_HOME": str(self.home),
                "CATNAP_FUNCTIONS": str(self.functions),
                "CATNAP_HTTP": "127.0.0.1:0",
                "CATNAP_GRPC": "127.0.0.1:0",
                "CATNAP_RETRY": "50ms",
                **self._environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        ready = self.line("ready")
        self.http, self.grpc = ready["http"], ready["grpc"]
        self.callback = self.http
        self.key = (self.home / "admin.key").read_text().strip()

    def line(self, event: str) -> dict[str, Any]:
        """The next line of that kind; those before it are kept in `said`."""
        assert self.process.stdout
        for text in self.process.stdout:
            self.said.append(text)
            line: dict[str, Any] = json.loads(text)
            if line["event"] == event:
                return line
        raise AssertionError(f"catnap serve ended: {self._ended()}, {self.said}")

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self._ended()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self._ended()

    def _ended(self) -> int:
        with self.process:
            assert self.process.stdout
            self.said += self.process.stdout
        return self.process.returncode

    def pids(self) -> set[int]:
        """The platform's processes, its own included."""
        parents: dict[int, int] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    stat = (entry / "stat").read_text()
                    parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found
