"""Two gateways with one store, as replicas of one platform have it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from catnap.access.shared_keys import FILES
from tests.platform.running import Running

SKILL = """
import os
from catnap import Context, skill

@skill
async def who(ctx: Context, request: int) -> list[int]:
    return [request, os.getpid()]
"""
MANIFEST = """
name = "who"
description = "Says which process it is."
"""


@pytest.fixture
def replicas(start: Callable[..., Running], shared: str, tmp_path: Path) -> tuple[Running, Running]:
    folder = tmp_path / "functions" / "who"
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(SKILL)
    (folder / "skill.toml").write_text(MANIFEST)
    one, two = tmp_path / "one", tmp_path / "two"
    first = start(one, folder.parent, CATNAP_STORE=shared)
    two.mkdir()
    for name in FILES:
        shutil.copy(one / name, two / name)
    return first, start(two, folder.parent, CATNAP_STORE=shared)


async def ask(gateway: Running, number: int, **headers: str) -> list[int]:
    status, _, body = await gateway.request("POST", "/skills/who", number, headers)
    assert status == 200, body
    answer: list[int] = json.loads(body)
    return answer


@pytest.mark.local
async def test_a_call_under_a_key_is_made_once_whichever_gateway_is_asked(
    replicas: tuple[Running, Running],
) -> None:
    key = {"Idempotency-Key": "one call"}
    answers = await asyncio.gather(*(ask(each, 1, **key) for each in replicas for _ in range(10)))
    assert len({pid for _, pid in answers}) == 1
    assert (await ask(replicas[0], 2))[1] != (await ask(replicas[1], 2))[1], "else it says nothing"


@pytest.mark.local
async def test_a_task_can_be_waited_for_at_either_gateway(
    replicas: tuple[Running, Running],
) -> None:
    for asked, waiting in (replicas, replicas[::-1]):
        status, _, body = await asked.request("POST", "/skills/who", 3, {"Prefer": "respond-async"})
        assert status == 202, body
        with waiting.client() as client:
            done = await asyncio.to_thread(client.tasks.wait, json.loads(body)["task"], timeout=60)
        assert done.state == "succeeded"
        assert json.loads(done.result.data)[0] == 3


@pytest.mark.local
async def test_both_gateways_write_one_audit_and_take_each_others_keys(
    replicas: tuple[Running, Running],
) -> None:
    for number, (gateway, other) in enumerate((replicas, replicas[::-1])):
        wanted = {"name": f"key {number}", "roles": ["viewer"]}
        status, _, body = await gateway.request("POST", "/keys", wanted)
        assert status == 201, body
        secret = json.loads(body)["secret"]
        async with asyncio.timeout(30):
            while (await other.request("GET", "/skills", key=secret))[0] != 200:
                await asyncio.sleep(0.05)
    for gateway in replicas:
        _, _, body = await gateway.request("GET", "/audit/verify")
        chains = json.loads(body)["chains"]
        assert sum(each["records"] for each in chains) >= 2
        assert [each.get("problem", "") for each in chains] == [""] * len(chains)
