"""Servers written in Go, which tests run for real."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import suppress
from pathlib import Path


def find(program: str) -> str | None:
    """On PATH, or where `go install` puts it."""
    go = shutil.which("go")
    places = [os.environ.get("PATH", "")]
    if go:
        answer = subprocess.run([go, "env", "GOPATH"], capture_output=True, text=True, check=True)
        places.append(str(Path(answer.stdout.strip()) / "bin"))
    return shutil.which(program, path=os.pathsep.join(places))


def free_port(address: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_it_answers(
    server: subprocess.Popen[bytes], port: int, name: str, address: str = "127.0.0.1"
) -> None:
    while not _answers(address, port):
        with suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"{name} ended with {server.wait(0.02)}")


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True
