"""A gateway, and hosts beside it as they run in pods, for tests."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from catnap.access import Grant
from catnap.errors import from_problem
from catnap.gateway.gateway import Gateway
from catnap.http import Client, Target
from tests.gateway.local import started

ROOT = Path(__file__).resolve().parents[2]
PAD = Path(__file__).parent / "functions" / "pad"


@dataclass
class Pod:
    """A host process. folder: where it keeps the sessions' folders."""

    name: str
    process: asyncio.subprocess.Process
    target: Target
    folder: Path

    async def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await self.process.wait()


@dataclass
class Pods:
    gateway: Gateway
    where: Target
    home: Path
    client: Client = field(default_factory=Client)
    all: list[Pod] = field(default_factory=list)
    _tasks: Any = field(default_factory=itertools.count)

    async def start(self, name: str, skill: Path = PAD) -> Pod:
        """As a pod's spec starts it. A name that was there is started again."""
        folder = self.home / "pods" / name
        folder.mkdir(parents=True, exist_ok=True)
        env = {
            "PATH": os.defpath,
            "PYTHONPATH": f"{ROOT / 'runtime'}:{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "CATNAP_CALLBACK": str(self.where),
            "CATNAP_INSTANCE": name,
            "CATNAP_KEEPS": str(folder / "workspaces"),
            "CATNAP_GRACE": "10",
        }
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "catnap.host", str(skill), "--port", "0"),
            stdout=asyncio.subprocess.PIPE,
            env=env,
        )
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        pod = Pod(
            *(name, process, Target.parse(line.split()[2].removeprefix("http://"))),
            folder / "workspaces",
        )
        self.all.append(pod)
        return pod

    async def call(
        self,
        pod: Pod,
        session: str = "s1",
        user: str = "ada",
        depth: int = 0,
        skill: str = "pad",
        **what: str,
    ) -> Any:
        """What the skill answers; of `pad`, the files that there are. Raises its error."""
        task = f"t{next(self._tasks)}"
        grant = Grant(
            tenant="acme",
            user=user,
            session=session,
            task=task,
            skill=skill,
            depth=depth,
            expires=4e9,
            roles=("caller",),
            workspace=True,
        )
        headers = {
            "ce-specversion": "1.0",
            "ce-id": task,
            "ce-source": "/t",
            "ce-type": "t",
            "ce-tenantid": "acme",
            "ce-userid": user,
            "ce-taskid": task,
            **({"ce-sessionid": session} if session else {}),
            "content-type": "application/json",
            "catnap-callback": str(self.where),
            "authorization": f"Bearer {self.gateway.grants.issue(grant)}",
        }
        with self.gateway.pipeline.live.call(task):
            reply = await self.client.request(
                *(pod.target, "POST", "/"),
                [(name.encode(), value.encode()) for name, value in headers.items()],
                msgspec.json.encode(what),
            )
            answer = await reply.read()
        if reply.status >= 400:
            raise from_problem(reply.status, answer)
        found = msgspec.json.decode(answer)
        return found[0] if skill == "pad" else found


@asynccontextmanager
async def pods(home: Path, store: str = "") -> AsyncIterator[Pods]:
    """store: what several of them share."""
    (home / "functions").mkdir(exist_ok=True)
    async with started(home, store=store) as (gateway, where):
        gateway.keeper = None  # as on a cluster
        world = Pods(gateway, where, home)
        try:
            yield world
        finally:
            await world.client.close()
            for pod in world.all:
                if pod.process.returncode is None:
                    pod.process.kill()
                    await pod.process.wait()
            shutil.rmtree(home / "pods", ignore_errors=True)
