"""Very many callers at once, of whom none has an instance yet or all want one."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from catnap.http import Client, Target
from tests.platform.running import Running

CALLS = 5000
PLACES, QUEUE = 5, 1000

SKILL = {
    "skill.toml": """
name = "door"
description = "Says which process it was, once the door is open."

[scale]
max = {max}
concurrency = {concurrency}
queue = {queue}
""",
    "main.py": """
import asyncio, os, signal
from catnap import Context, skill

opened = asyncio.Event()

@skill
async def answer(ctx: Context, shut: bool) -> int:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, opened.set)
    if shut:
        await opened.wait()
    return os.getpid()
""",
}


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many connections as the test makes, and some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * CALLS:
        pytest.skip(f"this machine allows {hard} open files (ulimit -Hn): {2 * CALLS} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * CALLS), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Caller:
    def __init__(self, platform: Running) -> None:
        self._client, self._target = Client(), Target.parse(platform.http)
        self._headers = [
            (b"authorization", f"Bearer {platform.key}".encode()),
            (b"content-type", b"application/json"),
        ]

    async def call(self, *, shut: bool) -> tuple[int, Any, str]:
        body = json.dumps(shut).encode()
        reply = await self._client.request(
            self._target, "POST", "/skills/door", self._headers, body
        )
        retry = reply.headers.get(b"retry-after", b"").decode()
        return reply.status, json.loads(await reply.read()), retry

    async def close(self) -> None:
        await self._client.close()


def _skill(folder: Path, **scale: int) -> Path:
    (folder / "door").mkdir(parents=True)
    for name, text in SKILL.items():
        (folder / "door" / name).write_text(text.format(**scale) if "toml" in name else text)
    return folder


async def test_of_five_thousand_calls_at_once_all_that_may_wait_are_answered_and_no_other(
    start: Callable[..., Running], tmp_path: Path, many_files: None
) -> None:
    where = _skill(tmp_path / "functions", max=1, concurrency=PLACES, queue=QUEUE)
    caller = Caller(start(where=where))
    _, pid, _ = await caller.call(shut=False)
    refused = []

    async def call() -> int:
        status, answer, retry = await caller.call(shut=True)
        if status == 503:
            assert answer["type"] == "urn:catnap:error:Unavailable", answer
            assert int(retry) > 0
            refused.append(retry)
            if len(refused) == CALLS - QUEUE - PLACES:
                os.kill(pid, signal.SIGUSR1)
        else:
            assert answer == pid, "an answer of another instance"
        return status

    found = Counter(await asyncio.gather(*(call() for _ in range(CALLS))))
    await caller.close()
    assert found == {200: QUEUE + PLACES, 503: CALLS - QUEUE - PLACES}


async def test_a_hundred_first_calls_are_answered_by_what_the_autoscaler_allows(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    where = _skill(tmp_path / "functions", max=100, concurrency=10, queue=QUEUE)
    caller = Caller(start(where=where))
    answers = await asyncio.gather(*(caller.call(shut=False) for _ in range(100)))
    await caller.close()
    assert [status for status, _, _ in answers] == [200] * 100
    assert len({pid for _, pid, _ in answers}) <= ceil(100 / 7)
