"""A local platform for tests, its skill, and the processes that come of it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import select
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from catnap.errors import from_problem
from catnap.events import Event, to_binary
from catnap.scaling import TICK
from catnap.services import images
from catnap.services.local import LocalPlatform
from catnap.services.platform import Route
from catnap.services.render import service
from catnap.skills.manifest import parse_manifest

MAIN = """
import asyncio, os, socket, subprocess, sys, threading
from catnap import skill

def report():
    desk = socket.socket(socket.AF_UNIX)
    desk.connect(os.environ["DESK"])
    desk.recv(1)

@skill
{kind} main(ctx, request: dict) -> dict:
    match request.get("do"):
        case "stick":
            report()
        case "wait":
            await_ = asyncio.open_unix_connection(os.environ["DESK"])
            reader, writer = await await_
            await reader.read(1)
            writer.close()
        case "print":
            print("out", flush=True)
            print("err", file=sys.stderr)
        case "spawn":
            child = subprocess.Popen(["sleep", "600"], start_new_session=True).pid
            return {{"pid": os.getpid(), "parent": os.getppid(), "child": child}}
    return {{"pid": os.getpid(), "parent": os.getppid()}}
"""


class World:
    def __init__(self, home: Path, desk: str) -> None:
        self.home, self.desk = home, desk
        self.now = 1000.0
        self.lines: list[tuple[str, bytes]] = []
        self.platform = LocalPlatform(
            *(home, "127.0.0.1:1", lambda *line: self.lines.append(line[3:]), lambda: self.now),
            secrets=self.secrets_of,
        )
        self.secrets: dict[tuple[str, str], dict[str, str]] = {}
        """By namespace and service."""
        self.arrivals: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
        self.writers: list[asyncio.StreamWriter] = []
        self._numbers = itertools.count(1)

    async def secrets_of(
        self, namespace: str, service: str, names: Sequence[str]
    ) -> Mapping[str, str]:
        found = self.secrets.get((namespace, service), {})
        return {name: value for name, value in found.items() if name in names}

    async def arrive(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        self.arrivals.put_nowait(writer)

    async def number(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Who asks first gets a 1."""
        writer.write(b"%d" % next(self._numbers))
        writer.close()

    async def skill(
        self,
        kind: str = "async def",
        toml: str = "",
        name: str = "test",
        main: str = MAIN,
        probes: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """probes: by their names in the container."""
        code = main.format(kind=kind)
        if kind == "def":
            code = code.replace("await await_", "(0, 0)").replace("await reader.read(1)", "pass")
        folder = self.home / name
        folder.mkdir()
        (folder / "main.py").write_text(code)
        manifest = f'name = "{name}"\ndescription = "A test."\n{toml}'
        (folder / "skill.toml").write_text(manifest)
        image = images.build(folder, self.home).reference
        rendered = service(parse_manifest(manifest), image=image, namespace="t")
        container = rendered["spec"]["template"]["spec"]["containers"][0]
        container["env"].append({"name": "DESK", "value": self.desk})
        container |= probes
        await self.platform.apply(rendered)

    async def call(self, do: str = "", session: str = "", name: str = "test", **ext: str) -> Any:
        data = msgspec.json.encode({"do": do})
        event = Event(id="1", source="/t", type="t", datacontenttype="application/json", data=data)
        headers, body = to_binary(event.extended(**ext))
        async with self.platform.deliver(Route("t", name, "", session), headers, body) as delivery:
            answer = await delivery.reply.read()
        if delivery.reply.status >= 400:
            raise from_problem(delivery.reply.status, answer)
        return msgspec.json.decode(answer)

    def begin(self, do: str = "", **fields: str) -> asyncio.Task[Any]:
        return asyncio.create_task(self.call(do, **fields))

    def wait(self, seconds: float) -> None:
        """Lets time go by, as the autoscaler sees it."""
        for _ in range(int(seconds / TICK)):
            self.now += TICK
            self.platform.tick()

    async def gone(self) -> None:
        while any(each.instances for each in self.platform.status()):
            await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int) -> None:
    """Waits until a process is no more."""
    with contextlib.suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        ended, _, _ = select.select([process], [], [], 30)
        os.close(process)
        assert ended, f"process {pid} still lives"
