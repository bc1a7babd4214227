"""Sessions, and the instances they are at home at. REVISIONS: how many follow
one another under load; `make test-revisions` takes a hundred."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import random
import signal
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from catnap.errors import SkillCrashed
from catnap.http import Client, Target
from tests.platform.reached import Reached
from tests.platform.running import Running
from tests.platform.test_lifecycle import wait_for_end


def test_a_session_outlives_the_instance_that_is_killed_under_it(platform: Reached) -> None:
    with platform.client() as client:
        client.invoke("memo", {"note": "before"}, session="killed")
        with pytest.raises(SkillCrashed):
            client.invoke("memo", {"end": True}, session="killed")
        notes, _ = client.invoke("memo", {"note": "since"}, session="killed").json()
        others, _ = client.invoke("memo", {}, session="other").json()
    assert (notes, others) == (["before", "since"], [])


@pytest.mark.local
def test_who_is_killed_while_nobody_calls_costs_the_session_no_call(platform: Running) -> None:
    with platform.client() as client:
        for _ in range(10):
            _, pid = client.invoke("memo", {"note": "kept"}, session="idle").json()
            os.kill(pid, signal.SIGKILL)
            assert wait_for_end(pid, 10)
            notes, other = client.invoke("memo", {}, session="idle").json()
            assert notes == ["kept"]
            assert other != pid


REVISIONS = int(os.environ.get("REVISIONS", "40"))
SESSIONS = 8
CALLERS = 2
"""At once, of each session."""

SKILL = {
    "skill.toml": """
name = "edition"
description = "Takes a moment, and says which edition and which process it was."

[scale]
min = 2
max = 4
concurrency = 10
""",
    "main.py": """
import asyncio, os, time
from catnap import Context, skill

@skill
async def answer(ctx: Context, request: int) -> tuple[int, int, float, float]:
    began = time.monotonic()
    # Some are at work until an instance of the next edition is there.
    await asyncio.sleep(0.002 if request % 16 else 0.15)
    return EDITION, os.getpid(), began, time.monotonic()
""",
}


@dataclass(frozen=True)
class Answer:
    """began, ended: as the skill saw it, by the machine's one clock."""

    edition: int
    pid: int
    began: float
    ended: float


class Visitors:
    """Call without pause but now and then, some of them in one session. pause:
    seconds at most."""

    def __init__(self, platform: Running, pause: float = 0.02) -> None:
        self._pause = pause
        self._target = Target.parse(platform.http)
        self._key = platform.key
        self._numbers = itertools.count()
        self.stopped = False
        self.answers: defaultdict[str, list[Answer]] = defaultdict(list)

    async def visit(self, session: str) -> None:
        client = Client()
        headers = [
            (b"authorization", f"Bearer {self._key}".encode()),
            (b"content-type", b"application/json"),
            (b"catnap-session", session.encode()),
        ]
        while not self.stopped:
            body = str(next(self._numbers)).encode()
            reply = await client.request(self._target, "POST", "/skills/edition", headers, body)
            data = await reply.read()
            assert reply.status == 200, data
            self.answers[session].append(Answer(*json.loads(data)))
            await asyncio.sleep(random.uniform(0, self._pause))
        await client.close()

    def count(self) -> int:
        return sum(map(len, self.answers.values()))

    def all_at(self, edition: int) -> bool:
        newest = [max(each.edition for each in found) for found in self.answers.values()]
        return len(newest) == SESSIONS and min(newest) == edition


@pytest.mark.timeout(300)
async def test_many_revisions_under_load_fail_no_call_and_tear_no_session_apart(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    folder = tmp_path / "functions" / "edition"
    folder.mkdir(parents=True)

    def write(edition: int) -> None:
        (folder / "main.py").write_text(SKILL["main.py"].replace("EDITION", str(edition)))

    (folder / "skill.toml").write_text(SKILL["skill.toml"])
    write(0)
    platform = start(where=folder.parent)
    visitors = Visitors(platform, pause=0.1)

    async def roll() -> None:
        for edition in range(1, REVISIONS + 1):
            write(edition)
            await asyncio.to_thread(platform.line, "progress")
        while not visitors.all_at(REVISIONS):
            await asyncio.sleep(0.05)
        visitors.stopped = True

    async with asyncio.TaskGroup() as group:
        for session in range(SESSIONS):
            for _ in range(CALLERS):
                group.create_task(visitors.visit(f"s{session}"))
        group.create_task(roll())
    for answers in visitors.answers.values():
        check(sorted(answers, key=lambda each: each.began))


def check(answers: list[Answer]) -> None:
    """Of one session, as they began."""
    homes: defaultdict[int, set[int]] = defaultdict(set)
    for answer in answers:
        homes[answer.edition].add(answer.pid)
    assert all(len(pids) == 1 for pids in homes.values())
    assert len(homes) > REVISIONS / 10
    for one, next_ in itertools.pairwise(answers):
        assert one.edition <= next_.edition
        assert one.ended <= next_.began or one.pid == next_.pid


async def test_traffic_that_goes_back_and_forth_under_load_fails_no_call(
    start: Callable[..., Running], tmp_path: Path
) -> None:
    folder = tmp_path / "functions" / "edition"
    folder.mkdir(parents=True)
    (folder / "skill.toml").write_text(SKILL["skill.toml"])
    (folder / "main.py").write_text(SKILL["main.py"].replace("EDITION", "1"))
    platform = start(where=folder.parent)
    (folder / "main.py").write_text(SKILL["main.py"].replace("EDITION", "2"))
    platform.line("progress")
    visitors = Visitors(platform)
    client, target = Client(), Target.parse(platform.http)
    headers = [
        (b"authorization", f"Bearer {platform.key}".encode()),
        (b"content-type", b"application/json"),
    ]

    async def turn(**shares: int) -> None:
        traffic = [
            {"revisionName": f"edition-0000{name[1:]}", "percent": percent}
            for name, percent in shares.items()
        ]
        body = json.dumps({"traffic": traffic}).encode()
        path = "/platform/skills/edition/traffic"
        reply = await client.request(target, "PUT", path, headers, body)
        assert reply.status == 200, await reply.read()
        await reply.read()
        before = visitors.count()
        while visitors.count() < before + 50:
            await asyncio.sleep(0.01)

    async def go_back_and_forth() -> None:
        for _ in range(10):
            await turn(r1=100)
            await turn(r2=100)
            await turn(r1=50, r2=50)
        visitors.stopped = True

    async with asyncio.TaskGroup() as group:
        for session in range(SESSIONS):
            for _ in range(CALLERS):
                group.create_task(visitors.visit(f"s{session}"))
        group.create_task(go_back_and_forth())
    await client.close()
    for answers in visitors.answers.values():
        for one, next_ in itertools.pairwise(sorted(answers, key=lambda each: each.began)):
            assert one.ended <= next_.began or one.pid == next_.pid
