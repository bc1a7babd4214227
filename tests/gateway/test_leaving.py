"""A gateway that others can take the place of, before it stops."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from catnap.gateway import serve
from catnap.gateway.rpc import serve_grpc
from tests.gateway.local import make_skill
from tests.gateway.world import running

MAIN = "from catnap import skill\n@skill\ndef main(ctx, request: int) -> int: return request\n"


async def test_who_asks_for_its_health_turns_away_and_the_calls_that_still_come_are_made(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, make_skill(tmp_path, "echo", MAIN)) as world:
        assert (await world.request("GET", "/healthz")).status == 200
        world.gateway.leave()
        assert (await world.request("GET", "/healthz")).status == 503
        assert await world.ask("POST", "/skills/echo", 1) == (200, 1)
        status, accepted = await world.ask("POST", "/skills/echo", 2, prefer="respond-async")
        assert (status, "task" in accepted) == (202, True)


async def test_it_has_not_left_before_the_last_call_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "LEAVE", 0)
    async with running(tmp_path, make_skill(tmp_path, "echo", MAIN)) as world:
        rpc = await serve_grpc(world.gateway, "127.0.0.1:0")
        live, going = world.gateway.pipeline.live, asyncio.Event()

        async def call() -> None:
            with live.call("t"):
                await going.wait()

        calling = asyncio.create_task(call())
        await asyncio.sleep(0)
        leaving = asyncio.create_task(serve.leave(world.gateway, rpc))
        await asyncio.wait([leaving], timeout=0.2)
        assert not leaving.done()
        going.set()
        await calling
        await leaving
        await rpc.stop(0)
