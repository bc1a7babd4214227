"""/limits and /usage, what they mean to calls on every surface, and the commands."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catnap.access.limits import Limit
from catnap.access.usage import day_of
from catnap.access.usage_rows import date
from catnap.client import aio
from catnap.errors import ResourceExhausted
from tests.gateway.local import ACME, RIVAL, started
from tests.gateway.world import World, running

ECHO = Path(__file__).parents[2] / "functions" / "echo"


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.chdir(tmp_path)
    async with running(tmp_path, ECHO) as world:
        yield world


async def limited(world: World, **values: Any) -> None:
    status, said = await world.ask("PUT", "/limits", values)
    assert status == 200, said


async def test_a_refusal_over_http_says_when_to_come_again(world: World) -> None:
    await limited(world, tenant="acme", rate=0.1, burst=1)
    assert (await world.ask("POST", "/skills/echo", {}, ACME))[0] == 200
    refused = await world.request("POST", "/skills/echo", b"{}", key=ACME)
    assert refused.status == 429
    assert 9 <= int(refused.headers[b"retry-after"]) <= 10
    assert refused.json["detail"].startswith(
        "the limit of tenant 'acme' is reached: 0.1 calls per second, 1 at once; it frees in"
    )
    assert (await world.ask("POST", "/skills/echo", {}, RIVAL))[0] == 200


async def test_a_refusal_over_grpc_says_when_to_come_again(world: World) -> None:
    await limited(world, tenant="*", daily_calls=0)
    async with aio.connect(world.grpc, ACME) as client:
        with pytest.raises(ResourceExhausted, match="0 calls per day") as raised:
            await client.invoke("echo", {})
    assert raised.value.retry_after


async def test_what_was_used_is_shown_beside_the_limits(world: World) -> None:
    for key in (ACME, ACME, RIVAL):
        await world.ask("POST", "/skills/echo", {}, key)
    await limited(world, tenant="acme", user="*", daily_calls=3)
    _, said = await world.ask("GET", "/usage", key=ACME)
    [used] = said["used"]
    assert (used["tenant"], used["user"], used["skill"], used["calls"]) == (
        *("acme", "default", "echo"),
        2,
    )
    assert used["compute_ms"] > 0
    [standing] = said["limits"]
    assert (standing["user"], standing["used"], standing["limit"]) == ("default", 2, 3)
    _, said = await world.ask("GET", "/usage?tenant=*")
    assert [each["tenant"] for each in said["used"]] == ["acme", "rival"]


async def test_a_tenant_neither_sees_another_nor_sets_its_own_limits(world: World) -> None:
    await limited(world, tenant="rival", rate=1)
    assert (await world.ask("GET", "/usage?tenant=rival", key=ACME))[0] == 403
    assert (await world.ask("GET", "/usage?tenant=*", key=ACME))[0] == 403
    assert (await world.ask("GET", "/limits?tenant=*", key=ACME))[0] == 403
    assert (await world.ask("GET", "/limits", key=ACME))[1] == {"limits": []}
    limit = {"tenant": "acme", "rate": 1000}
    assert (await world.ask("PUT", "/limits", limit, key=ACME))[0] == 403
    assert (await world.ask("DELETE", "/limits?tenant=rival", key=ACME))[0] == 403


async def test_who_is_one_user_sees_the_limits_of_no_other(world: World) -> None:
    _, made = await world.ask("POST", "/keys?tenant=acme", {"name": "ann", "user": "ann"})
    for user in ("ann", "bob", "*", ""):
        await limited(world, tenant="acme", user=user, daily_calls=100)
    for key, seen in ((made["secret"], ["", "*", "ann"]), (ACME, ["", "*", "ann", "bob"])):
        _, found = await world.ask("GET", "/limits", key=key)
        assert [each["limit"]["user"] for each in found["limits"]] == seen


async def test_a_limit_that_cannot_be_is_refused(world: World) -> None:
    wrong: list[tuple[Any, str]] = [
        ({"tenant": "acme"}, "limits nothing"),
        ({"rate": 0}, "rate is 0: it has to be 0.00001 to 100,000"),
        (
            {"burst": 3, "daily_calls": 1},
            "burst is 3: it has to be 1 to 9,007,199,254,740,992, beside a rate",
        ),
        ({"concurrent": 0}, "concurrent is 0"),
        ({"daily_tokens": -1}, "daily_tokens is -1"),
        ({"rate": 1, "tenent": "acme"}, "tenent"),
        ({"rate": 1, "user": "\n"}, "user"),
        ([], "cannot be read"),
    ]
    for body, said in wrong:
        status, problem = await world.ask("PUT", "/limits", body)
        assert (status, said in problem["detail"]) == (400, True), problem


async def test_the_commands_set_show_and_remove_limits(world: World) -> None:
    assert (await world.cli("limits", "list"))[2] == "nothing is limited\n"
    status, out, _ = await world.cli(
        *("limits", "set", "--tenant", "default", "--user", "*"),
        *("--rate", "5", "--daily-calls", "1000"),
    )
    assert (status, out) == (0, "5 calls per second, 5 at once\n1,000 calls per day (UTC)\n")
    await world.ask("POST", "/skills/echo", {})
    _, out, _ = await world.cli("limits", "list")
    assert out.splitlines()[1].split()[:3] == ["default", "*", "all"]
    status, out, _ = await world.cli("usage")
    assert status == 0
    assert out.splitlines()[1].split()[:5] == ["default", "default", "echo", "1", "0"]
    assert "1,000 calls per day (UTC)" in out
    scope = ("--tenant", "default", "--user", "*")
    assert (await world.cli("limits", "remove", *scope))[0] == 0
    status, _, err = await world.cli("limits", "remove", *scope)
    assert status != 0
    assert "no limit of each user of tenant 'default' was set" in err


async def test_limits_and_use_outlast_the_gateway(tmp_path: Path) -> None:
    limit, now = Limit(tenant="acme", daily_calls=7), time.time()
    async with started(tmp_path, ECHO) as (gateway, _):
        await gateway.meter.put(limit)
        gateway.meter.limiter.enqueue(("acme", "ann", "echo"), now)
    async with started(tmp_path) as (gateway, _):
        assert gateway.meter.limiter.limits == (limit,)
        [used] = await gateway.meter.used(date(day_of(now)))
        assert (used.user, used.calls) == ("ann", 1)


async def test_files_that_are_written_count_by_their_bytes(world: World) -> None:
    await limited(world, tenant="acme", user="ann", daily_bytes=5)
    async with aio.connect(world.grpc, ACME) as client:
        await client.files.put("one", b"12345", user="ann")
        with pytest.raises(ResourceExhausted, match="5 bytes of files written per day"):
            await client.files.put("two", b"1", user="ann")
        await client.files.put("two", b"1", user="bob")
        await client.invoke("echo", {}, user="ann")
    _, said = await world.ask("GET", "/usage?user=ann", key=ACME)
    assert [(each["skill"], each["bytes"]) for each in said["used"]] == [("", 5), ("echo", 0)]


async def test_who_acts_for_one_user_sees_what_that_one_uses(world: World) -> None:
    _, made = await world.ask(
        "POST", "/keys?tenant=acme", {"name": "ann", "roles": ["caller"], "user": "ann"}
    )
    await limited(world, tenant="acme", user="*", daily_calls=3)
    for key in (ACME, made["secret"]):
        await world.ask("POST", "/skills/echo", {}, key)
    _, said = await world.ask("GET", "/usage", key=made["secret"])
    assert [each["user"] for each in said["used"]] == ["ann"]
    assert [each["user"] for each in said["limits"]] == ["ann"]
    assert (await world.ask("GET", "/usage?user=default", key=made["secret"]))[0] == 403
