"""The README's tour, run as a reader would run it.

Each ```console block is typed into a terminal beside a real platform: a
`catnap serve`, or an installation on a cluster.
What follows a `$ ` line is what it prints; `...` stands for anything, and
figures, ids and dates may be others.
"""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

import click
import pytest

from catnap.cli.app import catnap
from catnap.client import connect
from tests.cluster.deployed import Deployed
from tests.cluster.kube import until_gone

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """One command and what it should print."""

    command: str
    output: str


def blocks(kind: str) -> list[str]:
    return [text for name, text in _BLOCK.findall(README.read_text()) if name == kind]


def steps(block: str) -> list[Step]:
    first, *commands = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert first == ""
    return [Step(*each.partition("\n")[::2]) for each in commands]


VARYING = {
    r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b": "<uuid>",
    r"\b[0-9a-f]{26}\b": "<task>",
    r"\b([a-z]+-[0-9]{5})-[0-9a-z-]+\b": r"\1-<instance>",
    r"\b[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\b": "<date>",
    r"\b[0-9]+\.[0-9]+": "<figure>",
    r'("start"|"end"): [0-9]+': r"\1: <offset>",
    r" {2,}": "  ",
}
"""What differs from run to run, with the room it takes."""


def settled(text: str) -> str:
    for varying, name in VARYING.items():
        text = re.sub(varying, name, text)
    return text


def pattern(output: str) -> re.Pattern[str]:
    """The output with `...` as anything."""
    parts = settled(output.strip()).split("...")
    return re.compile(".*?".join(map(re.escape, parts)) + r"\Z", re.DOTALL)


class Terminal(ABC):
    """A folder that looks like a clone, and a terminal in it beside a terminal.
    http, grpc: where that is reached."""

    def __init__(self, folder: Path, http: str, grpc: str) -> None:
        self.folder = folder
        self.http = http
        self.grpc = grpc
        shutil.copytree(ROOT / "functions", folder / "functions")
        shutil.copy(ROOT / "pyproject.toml", folder)
        (folder / ".venv").symlink_to(sys.prefix)
        # The model and the skills' environments are made once for all tests.
        (folder / ".catnap").mkdir()
        for name in ("models", "environments"):
            (ROOT / ".catnap" / name).mkdir(parents=True, exist_ok=True)
            (folder / ".catnap" / name).symlink_to(ROOT / ".catnap" / name)
        self.env = {
            **{name: each for name, each in os.environ.items() if not name.startswith("CATNAP_")},
            "CATNAP_HTTP": http,
            "CATNAP_GRPC": grpc,
            "TERM": "xterm",
            "PYTEST_ADDOPTS": "",
        }

    @abstractmethod
    def take_up(self) -> None:
        """Returns once an edit is served."""

    def written(self) -> set[tuple[Path, int]]:
        """What a skill is made of."""
        paths = [*self.folder.glob("functions/*/*.py"), *self.folder.glob("functions/*/*.toml")]
        return {(path, path.stat().st_mtime_ns) for path in paths}

    def type(self, command: str) -> str:
        """Runs a command in a terminal; gives what appears on it."""
        main, side = pty.openpty()
        ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        command = command.replace("127.0.0.1:8080", self.http)
        with subprocess.Popen(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.env,
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
        ):
            os.close(side)
            shown = b"".join(_read(main))
        os.close(main)
        text = _STYLE.sub("", shown.decode())
        return "\n".join(line.rstrip() for line in text.splitlines()).strip()


class Here(Terminal):
    """Beside a `catnap serve`, which takes edits up by itself."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, *(f"127.0.0.1:{_free_port()}" for _ in range(2)))
        self._said: list[str] = []
        self._ended = False
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            [".venv/bin/python", "-m", "catnap.cli", "serve", "--json"],
            cwd=folder,
            env=self.env,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        with self._news:
            self._news.wait_for(lambda: self._ended or self._is_ready(), 110)
        assert self._is_ready(), f"serve is not ready: {self._said}"
        self._served = self._skills()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._news:
                self._said.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _is_ready(self) -> bool:
        return any('"event":"ready"' in line for line in self._said)

    def _skills(self) -> list[tuple[str, tuple[str, ...]]]:
        """The skills that can be called, with their triggers."""
        key = (self.folder / ".catnap" / "admin.key").read_text().strip()
        with connect(self.grpc, key) as client:
            return [(skill.name, skill.triggers) for skill in client.skills.list()]

    def take_up(self) -> None:
        with self._news:
            while (served := self._skills()) == self._served:
                self._news.wait(0.05)
        self._served = served

    def stop(self) -> None:
        self._process.send_signal(signal.SIGINT)
        self._listener.join()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process.wait()


class There(Terminal):
    """Beside an installation on a cluster, where edits are deployed."""

    def __init__(self, folder: Path, deployed: Deployed) -> None:
        super().__init__(folder, deployed.http, deployed.grpc)
        self._deployed = deployed
        self.env["CATNAP_TOKEN"] = deployed.key
        deployed.functions = folder / "functions"
        for skill in (ROOT / "functions").iterdir():
            until_gone(deployed.namespace, skill.name)

    def take_up(self) -> None:
        self._deployed.deploy("hello")


def _read(terminal: int) -> Iterator[bytes]:
    while True:
        ready, _, _ = select.select([terminal], [], [], 110)
        assert ready, "the command printed nothing and did not end"
        try:
            data = os.read(terminal, 65536)
        except OSError:  # how a terminal says that nobody writes to it any more
            return
        if not data:
            return
        yield data


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory, on_cluster: bool) -> Iterator[Terminal]:
    folder = tmp_path_factory.mktemp("tour") / "clone"
    folder.mkdir()
    if not on_cluster:
        here = Here(folder)
        yield here
        here.stop()
        return
    deployed = Deployed(folder.parent, ROOT / "functions")
    try:
        deployed.start()
        yield There(folder, deployed)
    finally:
        deployed.remove()


STEPS = [step for block in blocks("console") for step in steps(block)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.command[:60])
def test_the_tour_prints_what_it_says(terminal: Terminal, step: Step) -> None:
    if step.command.startswith("curl ") and not shutil.which("curl"):
        pytest.skip("curl is not installed")
    written = terminal.written()
    shown = terminal.type(step.command)
    assert pattern(step.output).match(settled(shown)), f"$ {step.command}\n{shown}"
    if terminal.written() != written:
        terminal.take_up()


@pytest.mark.parametrize("code", blocks("python"))
def test_the_client_example_runs(terminal: Terminal, code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code.replace("127.0.0.1:9000", terminal.grpc)],
        cwd=terminal.folder,
        env=terminal.env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("{'hello': 'world'} {'queue': ")


def test_the_tour_shows_every_skill_that_comes_along() -> None:
    listed = STEPS[0].output
    for manifest in (ROOT / "functions").glob("*/skill.toml"):
        assert manifest.parent.name in listed


def test_the_settings_table_is_whole() -> None:
    said = catnap.get_help(click.Context(catnap, info_name="catnap"))
    name = re.compile(r"CATNAP_\w+")
    assert set(name.findall(README.read_text())) == set(name.findall(said))
