"""catnap serve, as a process."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(alone: Cli, tmp_path: Path) -> Path:
    """A folder with one skill and a built model in its state."""
    alone("new", "hello")
    shutil.copytree(ROOT / "functions" / "echo", tmp_path / "functions" / "echo")
    (tmp_path / ".catnap").mkdir(mode=0o700)
    (ROOT / ".catnap" / "models").mkdir(parents=True, exist_ok=True)
    (tmp_path / ".catnap" / "models").symlink_to(ROOT / ".catnap" / "models")
    return tmp_path


@contextmanager
def serving(folder: Path, *argv: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "catnap.cli", "serve", "--http", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--grpc", "127.0.0.1:0", *argv],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "runtime")},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_says_ready_with_a_command_that_works_and_ends_at_ctrl_c(folder: Path) -> None:
    with serving(folder) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if " call echo" in line:
                break
        shown = dict(line.split(maxsplit=1) for line in lines if line.count("  "))
        assert shown["skills"] == "2, from functions"
        assert shown["key"] == ".catnap/admin.key"
        arguments = lines[-1].partition(" call ")[2]
        done = subprocess.run(
            f"{sys.executable} -m catnap.cli call {arguments}",
            shell=True,
            cwd=folder,
            capture_output=True,
            text=True,
        )
        assert (done.stdout, done.stderr) == ('{"hello":"world"}', "")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


def test_a_second_one_on_the_same_state_is_refused_in_one_line(folder: Path) -> None:
    with serving(folder, "--json") as process:
        assert process.stdout is not None
        assert next(line for line in process.stdout if "ready" in line)
        with serving(folder) as second:
            assert second.stderr is not None
            assert second.wait(60) == 5
            said = second.stderr.read()
            assert said.startswith("catnap: ")
            assert said.count("\n") == 1


def test_an_address_that_others_reach_needs_a_key(folder: Path) -> None:
    with serving(folder, "--http", "0.0.0.0:0") as process:
        assert process.stderr is not None
        assert process.wait(60) == 2
        assert "CATNAP_ADMIN_KEY" in process.stderr.read()
