"""Instances that are told to end while callers call, by somebody else."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

from catnap.client import aio
from catnap.http import Client, Target
from tests.platform.running import Running

ENDS = 100
CALLERS = 16

SKILL = {
    "skill.toml": """
name = "rolling"
description = "Takes a moment, and says which process it was."

[scale]
min = 3
max = 5
concurrency = 8
""",
    "main.py": """
import asyncio, os
from catnap import Context, skill

@skill
async def answer(ctx: Context, request: int) -> list[int]:
    await asyncio.sleep(0.002 * (request % 8))
    return [request, os.getpid()]
""",
}


class Callers:
    """Call without pause until they are told to stop, half of them over gRPC."""

    def __init__(self, platform: Running) -> None:
        self._platform = platform
        self._numbers = itertools.count()
        self.stopped = False
        self.answers = 0
        self.pids: asyncio.Queue[int] = asyncio.Queue()
        """Each process as it answers for the first time."""
        self._known: set[int] = set()

    async def http(self) -> None:
        client, target = Client(), Target.parse(self._platform.http)
        headers = [
            (b"authorization", f"Bearer {self._platform.key}".encode()),
            (b"content-type", b"application/json"),
        ]
        while not self.stopped:
            number = next(self._numbers)
            body = str(number).encode()
            reply = await client.request(target, "POST", "/skills/rolling", headers, body)
            data = await reply.read()
            assert reply.status == 200, data
            self._answered(number, json.loads(data))
        await client.close()

    async def grpc(self) -> None:
        async with aio.connect(self._platform.grpc, self._platform.key) as client:
            while not self.stopped:
                number = next(self._numbers)
                self._answered(number, (await client.invoke("rolling", number)).json())

    def _answered(self, number: int, answer: list[int]) -> None:
        assert answer[0] == number
        self.answers += 1
        if answer[1] not in self._known:
            self._known.add(answer[1])
            self.pids.put_nowait(answer[1])


async def test_a_hundred_instances_told_to_end_under_load_cost_no_call(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    folder = tmp_path / "functions" / "rolling"
    folder.mkdir(parents=True)
    for name, text in SKILL.items():
        (folder / name).write_text(text)
    callers = Callers(start(where=folder.parent))

    async def end_them() -> None:
        for _ in range(ENDS):
            os.kill(await callers.pids.get(), signal.SIGTERM)
        await callers.pids.get()  # who serves after the last of them
        callers.stopped = True

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS // 2):
            group.create_task(callers.http())
            group.create_task(callers.grpc())
        group.create_task(end_them())
    assert callers.answers > ENDS
