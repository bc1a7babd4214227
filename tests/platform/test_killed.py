"""The gateway is killed while it works; again and again, in one state folder.

KILLS says how often: `KILLS=20 pytest tests/platform/test_killed.py -s` tells
what each took.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from catnap.errors import CatnapError
from catnap.http.client import ConnectionLost
from tests.platform.running import Running
from tests.platform.test_lifecycle import wait_for_end

SKILL = """
import asyncio, os, subprocess
from catnap import Context, skill

LOOSE = "trap '' TERM; (trap '' TERM; sleep 600) >/dev/null & echo $!"
stray = int(subprocess.check_output(["setsid", "sh", "-c", LOOSE], text=True))

@skill
async def work(ctx: Context, request: int) -> list[int]:
    await asyncio.sleep(0.05)
    return [request, os.getpid(), stray]
"""
MANIFEST = """
name = "work"
description = "Takes a moment, and has started what it does not end."
[scale]
concurrency = 4
max = 4
[[triggers.events]]
name = "all"
types = ["test.work"]
"""
SERVES = 30.0
"""Seconds that a restart may take on the most loaded machine; 3 on an idle one."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class Load:
    """Calls, tasks and events at once, until the gateway is gone."""

    def __init__(self, platform: Running) -> None:
        self._platform = platform
        self._enough = asyncio.Event()
        self.accepted: dict[str, int] = {}
        """What each accepted task was asked."""
        self.pids: set[int] = set()
        """The instances that answered, and what each has let go of."""

    async def until(self, accepted: int) -> None:
        """Kills it once it has accepted so many, with as many at work."""
        senders = [
            *(self._calls(each) for each in range(8)),
            *(self._tasks(each) for each in range(4)),
            *(self._events(each) for each in range(4)),
        ]
        async with asyncio.TaskGroup() as group:
            for each in senders:
                group.create_task(each)
            while len(self.accepted) < accepted or not self.pids:
                self._enough.clear()
                await self._enough.wait()
            seen = self._platform.pids()
            self._platform.kill()
            self.pids |= seen

    async def _send(self, path: str, number: int, **headers: str) -> tuple[int, bytes] | None:
        try:
            status, _, body = await self._platform.request("POST", path, number, headers)
        except (CatnapError, ConnectionLost):
            return None
        return status, body

    async def _calls(self, number: int) -> None:
        while found := await self._send("/skills/work", number):
            status, body = found
            assert status == 200, body
            answer, *pids = json.loads(body)
            assert answer == number
            self.pids |= set(pids)
            self._enough.set()

    async def _tasks(self, number: int) -> None:
        while found := await self._send("/skills/work", number, Prefer="respond-async"):
            self._keep(found, number, lambda answer: answer["task"])

    async def _events(self, number: int) -> None:
        event = {"ce-specversion": "1.0", "ce-source": "/killed", "ce-type": "test.work"}
        while found := await self._send("/events", number, **event, **{"ce-id": uuid4().hex}):
            self._keep(found, number, lambda answer: answer["tasks"][0])

    def _keep(
        self, found: tuple[int, bytes], number: int, task: Callable[[dict[str, list[str]]], str]
    ) -> None:
        status, body = found
        assert status == 202, body
        self.accepted[task(json.loads(body))] = number
        self._enough.set()


@pytest.fixture(params=["file", "postgres"])
def store(request: pytest.FixtureRequest) -> dict[str, str]:
    """What says where a platform keeps what must last."""
    if request.param == "file":
        return {}
    return {"CATNAP_STORE": request.getfixturevalue("shared")}


@pytest.mark.local
@pytest.mark.timeout(600)
async def test_a_gateway_that_is_killed_leaves_nobody_and_loses_nothing(
    start: Callable[..., Running], store: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "functions" / "work"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(SKILL)
    (folder / "skill.toml").write_text(MANIFEST)
    ports = {"CATNAP_HTTP": f"127.0.0.1:{free_port()}", "CATNAP_GRPC": f"127.0.0.1:{free_port()}"}
    platform = start(where=folder.parent, **ports, **store)
    for round_ in range(int(os.environ.get("KILLS", "5"))):
        load = Load(platform)
        await load.until(accepted=20 + 7 * round_ % 50)
        lasting = [pid for pid in load.pids if not wait_for_end(pid, 10)]
        assert not lasting, "processes outlived the gateway"
        began = time.monotonic()
        platform.start()
        took = time.monotonic() - began
        print(f"killed with {len(load.accepted)} accepted, served again after {took:.2f} s")
        assert took < SERVES
        with platform.client() as client:
            for task, number in load.accepted.items():
                done = await asyncio.to_thread(client.tasks.wait, task, timeout=60)
                assert done.state == "succeeded", done
                assert done.id == task
                assert json.loads(done.result.data)[0] == number
