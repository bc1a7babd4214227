import asyncio
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.host.app import App
from catnap.host.loader import load
from catnap.http import Client, Reply, Server, Target

SOURCE = Path(__file__).parents[2] / "runtime"
ENV = {"PATH": os.defpath, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
JSON = [(b"content-type", b"application/json")]
EVENT = [
    (b"ce-specversion", b"1.0"),
    (b"ce-id", b"1"),
    (b"ce-source", b"/tests"),
    (b"ce-type", b"test"),
]

MakeFolder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> MakeFolder:
    """Writes a skill's folder: its code, and what its manifest says beside
    name and description."""
    count = 0

    def make(code: str, manifest: str = "", **files: str) -> Path:
        nonlocal count
        count += 1
        made = tmp_path / f"skill{count}"
        made.mkdir()
        text = f'name = "tested"\ndescription = "A skill under test."\n{textwrap.dedent(manifest)}'
        (made / "skill.toml").write_text(text)
        (made / "main.py").write_text(textwrap.dedent(code))
        for name, content in files.items():
            (made / f"{name}.py").write_text(textwrap.dedent(content))
        return made

    return make


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Loading a skill changes the process: here it is changed back."""
    known = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(os, "environ", os.environ.copy())
    importlib.invalidate_caches()
    yield
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@dataclass
class Running:
    """A skill that is served, and a client for it."""

    target: Target
    client: Client
    app: App

    async def send(
        self, method: str, path: str, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> Reply:
        return await self.client.request(self.target, method, path, headers, body)

    async def post(
        self, payload: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any]:
        """Status and decoded body of a call with JSON."""
        more = [(k.encode(), v.encode()) for k, v in (headers or {}).items()]
        reply = await self.send("POST", "/", [*JSON, *more], msgspec.json.encode(payload))
        return reply.status, msgspec.json.decode(await reply.read())

    async def healthz(self) -> int:
        return (await self.send("GET", "/healthz", [], b"")).status


@pytest.fixture
async def instance(folder: MakeFolder, fresh: None) -> AsyncIterator[Callable[..., Awaitable]]:
    """Serves a skill's code on a real socket, in this process."""
    client, servers = Client(), []

    async def start(code: str, manifest: str = "", **more: Any) -> Running:
        loaded = load(str(folder(code, manifest)))
        app = App(
            loaded.function,
            name=loaded.manifest.name,
            folder=loaded.folder,
            concurrency=loaded.concurrency,
            timeout=loaded.manifest.limits.timeout,
            **more,
        )
        server = Server(app)
        servers.append(server)
        host, port = await server.listen(host="127.0.0.1")
        return Running(Target(host=host, port=port), client, app)

    yield start
    await client.close()
    for server in servers:
        await server.drain(0)


class Process:
    """`python -m catnap.host` on a Unix socket."""

    def __init__(self, process: subprocess.Popen[str], path: Path) -> None:
        self.process = process
        self.target = Target(path=str(path))

    def line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().rstrip()

    def wait(self) -> tuple[int, str, str]:
        """As `end`, once it ends by itself."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit status, and what was still written to stdout and stderr."""
        self.process.send_signal(number)
        return self.wait()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts the host as a process of its own and waits until it is ready."""
    started: list[Process] = []

    def start(folder: Path, *arguments: str, **env: str) -> Process:
        path = tmp_path / f"{len(started)}.sock"
        one = Process(
            subprocess.Popen(
                [sys.executable, "-m", "catnap.host", folder, "--socket", path, *arguments],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**ENV, **env},
            ),
            path,
        )
        started.append(one)
        assert "ready on" in one.line()
        return one

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


class Forked:
    """An instance that a zygote was asked for, seen as the gateway sees it."""

    def __init__(self, name: str, target: Target, ends: tuple[int, int, int]) -> None:
        self.name, self.target = name, target
        self._status, self._stdout, self._stderr = ends

    def told(self) -> dict[str, Any]:
        """The first line on the status pipe; empty where it ended without one."""
        with os.fdopen(self._status, "rb") as pipe:
            said = pipe.readline()
        return json.loads(said) if said else {}

    def output(self) -> list[dict[str, Any]]:
        """All records of stdout and stderr, once it has ended."""
        records = []
        for descriptor in (self._stdout, self._stderr):
            with os.fdopen(descriptor, "rb") as pipe:
                records += [json.loads(line) for line in pipe]
        return records


class Zygote:
    """The gateway's end of a zygote."""

    def __init__(self, folder: Path, *preload: str, state: str = "", **env: str) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(60)
        self._folder = folder
        options = [word for module in preload for word in ("--preload", module)]
        if state:
            options += ["--state", state]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "catnap.host.zygote", str(theirs.fileno()), *options],
            pass_fds=[theirs.fileno()],
            env={**ENV, **env},
        )
        theirs.close()

    def hear(self) -> dict[str, Any]:
        packet = self.control.recv(1 << 18)
        return json.loads(packet) if packet else {}

    def say(self, **message: Any) -> None:
        self.control.send(json.dumps(message).encode())

    def fork(self, name: str, folder: Path, scratch: str = "", **env: str) -> Forked:
        target = Target(path=str(self._folder / f"{name}.sock"))
        pipes = [os.pipe() for _ in range(3)]
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(target.path)
            listening.listen(16)
            given = [listening.fileno(), *(write for _, write in pipes)]
            order = {"op": "fork", "id": name, "folder": str(folder), "scratch": scratch}
            order |= {"env": {"CATNAP_LOG": "json", **env}}
            socket.send_fds(self.control, [json.dumps(order).encode()], given)
        for _, write in pipes:
            os.close(write)
        status, out, err = (read for read, _ in pipes)
        return Forked(name, target, (status, out, err))

    def close(self) -> int:
        self.control.close()
        return self.process.wait(timeout=60)


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[Callable[..., Zygote]]:
    started: list[Zygote] = []

    def start(*preload: str, state: str = "", **env: str) -> Zygote:
        started.append(Zygote(tmp_path, *preload, state=state, **env))
        return started[-1]

    yield start
    for one in started:
        one.control.close()
        one.process.kill()
        one.process.wait()


def ask(target: Target, payload: Any = None, headers: list[tuple[bytes, bytes]] = JSON) -> Any:
    """One call with JSON, from a test that has no loop: status and answer."""

    async def call() -> tuple[int, Any]:
        client = Client()
        try:
            reply = await client.request(target, "POST", "/", headers, msgspec.json.encode(payload))
            return reply.status, msgspec.json.decode(await reply.read())
        finally:
            await client.close()

    return asyncio.run(call())
