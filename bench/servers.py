"""The servers that are compared, each as its makers start it, all on one core."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import exchange, processes
from bench.environments import ROOT, python

SERVER_CORE, LOAD_CORE = 0, 1
PEERS = ROOT / "bench" / "peers"


@dataclass(frozen=True)
class Server:
    """One way to serve an echo. `{port}` in the arguments and the environment is replaced."""

    name: str
    environment: str
    arguments: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


def _framework(file: str, *more: str) -> tuple[str, ...]:
    source = str(PEERS / file)
    return (
        "bin/functions-framework",
        "--target=echo",
        f"--source={source}",
        "--port={port}",
        *more,
    )


def _uvicorn(loop: str) -> tuple[str, ...]:
    return (
        *("-m", "uvicorn", "asgi:app", f"--app-dir={PEERS}", "--port={port}"),
        *(f"--loop={loop}", "--http=httptools", "--lifespan=off"),
        *("--log-level=error", "--no-access-log"),
    )


def _catnap(folder: Path) -> tuple[str, ...]:
    return ("-P", "-m", "catnap.host", str(folder), "--port={port}")  # as in a container


_OURS = {"PYTHONPATH": str(ROOT / "runtime")}
_TYPED = PEERS / "skill"
ECHO_FOLDER = ROOT / "functions" / "echo"

CATNAP = Server("catnap host", "catnap", _catnap(_TYPED), _OURS)
CATNAP_UVLOOP = Server("catnap host, uvloop", "catnap-uvloop", _catnap(_TYPED), _OURS)
UVICORN = Server("uvicorn bare, uvloop", "uvicorn", _uvicorn("uvloop"))
UVICORN_ASYNCIO = Server("uvicorn bare, asyncio", "uvicorn", _uvicorn("asyncio"))
FRAMEWORK = Server("functions-framework", "framework", _framework("framework.py"))
FRAMEWORK_ASGI = Server(
    "functions-framework --asgi", "framework", _framework("framework_asgi.py", "--asgi")
)
FRAMEWORK_FAST = Server(
    "functions-framework --asgi, tuned", "framework-fast", FRAMEWORK_ASGI.arguments
)
KNATIVE = Server(
    "func-python", "knative", (str(PEERS / "knative.py"),), {"LISTEN_ADDRESS": "127.0.0.1:{port}"}
)
SERVERS = (
    CATNAP,
    CATNAP_UVLOOP,
    UVICORN,
    UVICORN_ASYNCIO,
    FRAMEWORK,
    FRAMEWORK_ASGI,
    FRAMEWORK_FAST,
    KNATIVE,
)
ECHO = Server("catnap host echo", "catnap", _catnap(ECHO_FOLDER), _OURS)
ECHO_UVLOOP = Server("catnap host echo, uvloop", "catnap-uvloop", _catnap(ECHO_FOLDER), _OURS)
STARTED = (
    ECHO,
    ECHO_UVLOOP,
    UVICORN,
    FRAMEWORK,
    FRAMEWORK_ASGI,
    KNATIVE,
)
"""Those whose start is measured: ours with the echo that everybody has."""


class Running:
    """A server's process, from its first instruction on."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.address = ("127.0.0.1", _free_port())
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - stop closes it
        executable = python(server.environment)
        first, *arguments = (part.format(port=self.address[1]) for part in server.arguments)
        if first.startswith("bin/"):
            command = [str(executable.parents[1] / first), *arguments]
        else:
            command = [str(executable), first, *arguments]
        env = {"PATH": os.defpath, "HOME": tempfile.gettempdir()}
        env |= {name: value.format(port=self.address[1]) for name, value in server.env.items()}
        # A child inherits its parent's core: no program between the two.
        os.sched_setaffinity(0, {SERVER_CORE})
        try:
            self.began = time.perf_counter()
            self.process = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=self._said, stderr=self._said
            )
        finally:
            os.sched_setaffinity(0, {LOAD_CORE})

    def first_answer(self) -> float:
        """Milliseconds from start to the first answer's last byte."""
        try:
            answer = exchange.ask(self.address)
        except TimeoutError as error:
            raise RuntimeError(f"{self.server.name}: {error}; {self.output()}") from None
        took = (time.perf_counter() - self.began) * 1000
        if not exchange.is_echo(answer):
            raise RuntimeError(f"{self.server.name} answered {answer}; {self.output()}")
        return took

    def facts(self) -> dict[str, Any]:
        """What it is like. Raises RuntimeError where it does not send the event back."""
        answer = exchange.ask(self.address)
        if not exchange.is_event(answer):
            raise RuntimeError(f"{self.server.name} answered {answer}; {self.output()}")
        return {
            "loop": "uvloop" if processes.maps(self.process.pid, "/uvloop/") else "asyncio",
            "rss_mib": round(processes.memory(processes.tree(self.process.pid), "Rss"), 1),
        }

    def output(self) -> str:
        self._said.seek(0)
        return f"it said: {self._said.read()[-2000:]}"

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._said.close()


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
