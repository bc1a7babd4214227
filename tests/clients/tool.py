"""Programs that others wrote, each in an environment of its own, below .tools."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.platform.running import ROOT

TOOLS = ROOT / ".tools"
HERE = Path(__file__).parent


def find(name: str, program: str = "bin/python") -> Path:
    """A program of an environment. Skips the test, saying why, where there is no such."""
    if not (TOOLS / name / "ready").exists():
        pytest.skip(f"{name} is not installed in .tools/{name}: make test-servers")
    return TOOLS / name / program


@contextmanager
def asking(tool: str, script: str) -> Iterator[Asked]:
    child = Asked(tool, script)
    try:
        yield child
    finally:
        child.close()


class Asked:
    """A script of scripts/, in a process of its environment: it answers one
    question after another."""

    def __init__(self, tool: str, script: str) -> None:
        self._child = subprocess.Popen(
            [find(tool), HERE / "scripts" / script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, question: str, *arguments: Any) -> Any:
        """What the script's function of that name returns."""
        assert self._child.stdin
        assert self._child.stdout
        print(json.dumps([question, *arguments]), file=self._child.stdin, flush=True)
        answer = self._child.stdout.readline()
        assert answer, f"{self._child.args} ended with {self._child.wait()}"
        found = json.loads(answer)
        assert "raised" not in found, found["raised"]
        return found["answer"]

    def close(self) -> None:
        self._child.communicate()


def until(holds: Callable[[], bool]) -> None:
    """Returns when it holds; the test's own timeout is the longest wait."""
    while not holds():
        time.sleep(0.01)
