"""Two gateways with one store, as replicas of one platform have it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from catnap.access.shared_keys import FILES
from catnap.client import TaskState
from tests import postgres
from tests.platform.running import NO_MODELS, Running

AT_WORK = [TaskState.QUEUED, TaskState.RUNNING]

SKILL = """
import os
from catnap import Context, skill

@skill
async def who(ctx: Context, request: int) -> list[int]:
    return [request, os.getpid()]
"""
HOLD = """
import asyncio
from catnap import Context, skill

@skill
async def hold(ctx: Context, request: str) -> None:
    await ctx.files.write(request, ctx.gateway._grant)
    await asyncio.Event().wait()
"""


@contextmanager
def running(place: str, folder: Path) -> Iterator[tuple[Running, Running]]:
    for name, code in (("who", SKILL), ("hold", HOLD)):
        skill = folder / "functions" / name
        skill.mkdir(parents=True)
        (skill / "main.py").write_text(code)
        (skill / "skill.toml").write_text(f'name = "{name}"\ndescription = "For a test."\n')
    started: list[Running] = []
    try:
        for number in range(2):
            home = folder / str(number)
            home.mkdir(mode=0o700)
            for name in FILES if started else ():
                shutil.copy(started[0].home / name, home / name)
            settings = {"CATNAP_STORE": place, "CATNAP_MODELS": NO_MODELS}
            started.append(Running(home, folder / "functions", **settings))
        yield started[0], started[1]
    finally:
        for each in started:
            if each.process.poll() is None:
                each.stop()


@pytest.fixture(scope="module")
def replicas(
    postgres_server: postgres.Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Running, Running]]:
    """Those of all tests here but the one that kills one of them."""
    postgres_server.query("CREATE SCHEMA replicas")
    with running(postgres_server.uri("replicas"), tmp_path_factory.mktemp("replicas")) as pair:
        yield pair


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


async def grant_of(gateway: Running, name: str) -> str:
    """What `hold` wrote down at the gateway that its call was made by."""
    while True:
        status, _, body = await gateway.request("GET", f"/files/user/{name}")
        if status == 200:
            return body.decode()


async def opens(gateway: Running, grant: str) -> int:
    return (await gateway.request("GET", "/callback/files/user", key=grant))[0]


async def until_closed(gateways: tuple[Running, Running], grant: str) -> None:
    while any([await opens(each, grant) != 401 for each in gateways]):
        await asyncio.sleep(0.05)


@pytest.mark.local
async def test_a_grant_is_good_at_the_other_gateway_as_long_as_its_call_is_at_work(
    replicas: tuple[Running, Running],
) -> None:
    for name, (made, other) in (("a", replicas), ("b", replicas[::-1])):
        call = asyncio.create_task(made.request("POST", "/skills/hold", name))
        grant = await grant_of(made, name)
        assert (await opens(made, grant), await opens(other, grant)) == (200, 200)
        assert (await other.request("GET", "/callback/grant", key=grant))[0] == 401, "asks nobody"
        call.cancel()
        await until_closed((made, made), grant)
        assert await opens(other, grant) == 401


@pytest.mark.local
async def test_a_grant_is_good_for_nothing_once_its_gateway_is_gone(
    shared: str, tmp_path: Path
) -> None:
    with running(shared, tmp_path) as (made, other):
        call = asyncio.create_task(made.request("POST", "/skills/hold", "g"))
        grant = await grant_of(made, "g")
        assert await opens(other, grant) == 200
        made.kill()
        assert await opens(other, grant) == 401
        await asyncio.gather(call, return_exceptions=True)


@pytest.mark.local
@pytest.mark.parametrize("waited", [True, False])
async def test_a_call_at_work_at_one_gateway_is_cancelled_at_the_other(
    replicas: tuple[Running, Running], waited: bool
) -> None:
    prefer = {} if waited else {"Prefer": "respond-async"}
    name = "waited" if waited else "later"
    call = asyncio.create_task(replicas[0].request("POST", "/skills/hold", name, prefer))
    looking = [asyncio.create_task(grant_of(each, name)) for each in replicas]
    [found], [missed] = await asyncio.wait(looking, return_when=asyncio.FIRST_COMPLETED)
    missed.cancel()
    other = replicas[1 - looking.index(found)]
    with other.client() as client:
        [task] = await asyncio.to_thread(
            lambda: list(client.tasks.list(skill="hold", states=AT_WORK))
        )
        cancelled = await asyncio.to_thread(client.tasks.cancel, task.id)
        assert cancelled.state == "cancelled"
        await until_closed(replicas, found.result())
        again = await asyncio.to_thread(client.tasks.get, task.id)
    assert again.state == "cancelled"
    assert (await call)[0] == (499 if waited else 202)
