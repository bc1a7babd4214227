"""What a skill's Grant opens: what is its own, while the very call is at work
that it came with, and nothing else."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from catnap.access import Grant
from catnap.calls.deliver import MARGIN
from tests.gateway.local import ACME, make_skill
from tests.gateway.world import World, running

FILES = "/callback/files"
TWICE = """
from catnap import skill
from catnap.errors import Unavailable

@skill
async def main(ctx, request: dict) -> str:
    grant = ctx.gateway._grant
    if await ctx.files.stat("first") is None:
        await ctx.files.write("first", grant)
        raise Unavailable("once more, please")
    await ctx.files.write("second", grant)
    while await ctx.files.stat("go") is None:
        pass
    return "done"
"""


SHOWS = """
from catnap import skill

@skill
def main(ctx, request: dict) -> str:
    return ctx.gateway._grant.decode()
"""


class Granting(World):
    def issue(self, **fields: Any) -> str:
        return self.gateway.grants.issue(Grant(**({"expires": 4e9} | fields)))

    async def send(
        self, method: str, path: str, key: str, body: bytes = b"", **headers: str
    ) -> tuple[int, bytes]:
        answer = await self.request(method, path, body, key=key, **headers)
        return answer.status, answer.body


@asynccontextmanager
async def granting(folder: Path, *skills: Path) -> AsyncIterator[Granting]:
    (folder / "functions").mkdir(exist_ok=True)
    async with running(folder, *skills) as world:
        yield Granting(**vars(world))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Granting]:
    async with granting(tmp_path) as world:
        yield world


async def test_a_scope_is_that_of_its_tenant_its_user_its_session_and_its_task(
    world: Granting,
) -> None:
    own = {"tenant": "acme", "user": "ada", "session": "s", "task": "t"}
    others = [own | {name: "other"} for name in own]
    shares = {"tenant": (), "user": (), "session": ("user", "task"), "task": ("user", "session")}
    live = world.gateway.pipeline.live
    with live.call("t"), live.call("other"):
        for scope in ("user", "session", "task"):
            path = f"{FILES}/{scope}/x"
            assert (await world.send("PUT", path, world.issue(**own), b"mine"))[0] == 201
            for name, other in zip(own, others, strict=True):
                status, body = await world.send("GET", path, world.issue(**other))
                expected = (200, b"mine") if scope in shares[name] else (404, body)
                assert (status, body) == expected, (scope, name)


async def test_a_model_is_one_that_the_manifest_names(world: Granting) -> None:
    with world.gateway.pipeline.live.call("t"):
        grant = world.issue(tenant="acme", user="ada", task="t", models=("other",))
        status, body = await world.send("POST", "/callback/models/minilm-l6-v2/embed", grant, b"{}")
    assert (status, b"[models]" in body) == (403, True)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_a_grant_is_good_for_nothing_once_its_call_has_ended(
    world: Granting, method: str
) -> None:
    grant = world.issue(tenant="acme", user="ada", task="t")
    with world.gateway.pipeline.live.call("t"):
        assert (await world.send("PUT", f"{FILES}/user/x", grant, b""))[0] == 201
    status, body = await world.send(method, f"{FILES}/user/x", grant, b"")
    assert (status, b"has ended" in body) == (401, True)


async def test_a_grant_is_good_for_nothing_after_a_restart(tmp_path: Path) -> None:
    async with granting(tmp_path) as world:
        with world.gateway.pipeline.live.call("t"):
            grant = world.issue(tenant="acme", user="ada", task="t")
            assert (await world.send("GET", f"{FILES}/user", grant))[0] == 200
    async with granting(tmp_path) as world:
        status, body = await world.send("GET", f"{FILES}/user", grant)
        assert (status, b"has ended" in body) == (401, True)


async def test_an_attempt_that_failed_leaves_no_grant_for_the_next_ones_time(
    tmp_path: Path,
) -> None:
    async with granting(tmp_path, make_skill(tmp_path, "twice", TWICE)) as world:
        reader = world.issue(tenant="acme", user="default", task="reader")
        with world.gateway.pipeline.live.call("reader"):
            status, body = await world.send(
                "POST", "/skills/twice", ACME, b"{}", prefer="respond-async"
            )
            assert status == 202
            first = await _written(world, "first", reader)
            second = await _written(world, "second", reader)
            assert (await world.send("GET", f"{FILES}/user", second))[0] == 200
            status, problem = await world.send("GET", f"{FILES}/user", first)
            assert (status, b"has ended" in problem) == (401, True)
            await world.send("PUT", f"{FILES}/user/go", reader)
        task = json.loads(body)["task"]
        ended = await world.gateway.pipeline.wait("acme", task, 20)
        assert (ended.state, ended.attempts) == ("succeeded", 2)


async def test_a_grant_lasts_as_long_as_its_call_may_and_needs_no_other(tmp_path: Path) -> None:
    async with granting(
        tmp_path, make_skill(tmp_path, "shows", SHOWS, '[limits]\ntimeout = "10m"\n')
    ) as world:
        began = time.time()
        status, body = await world.send("POST", "/skills/shows", ACME, b"{}")
        grant = world.gateway.grants.verify(json.loads(body), began)
        assert (status, grant.task != "", grant.skill) == (200, True, "shows")
        assert grant.deadline is not None
        assert began <= grant.deadline - 600 <= time.time()
        assert grant.expires == grant.deadline + MARGIN


async def test_a_grant_says_what_the_manifest_of_its_skill_allows(tmp_path: Path) -> None:
    more = '[session]\nworkspace = true\n[egress]\nallow = ["a.example"]\n'
    keeps, plain = (
        make_skill(tmp_path, *each) for each in (("keeps", SHOWS, more), ("plain", SHOWS))
    )
    async with granting(tmp_path, keeps, plain) as world:
        said = []
        for name in ("keeps", "plain"):
            status, body = await world.send("POST", f"/skills/{name}", ACME, b"{}")
            assert status == 200
            grant = world.gateway.grants.verify(json.loads(body), time.time())
            said.append((grant.workspace, grant.egress))
        assert said == [(True, ("a.example",)), (False, ())]


async def _written(world: Granting, name: str, grant: str) -> str:
    status = 404
    while status == 404:
        status, body = await world.send("GET", f"{FILES}/user/{name}", grant)
    assert status == 200
    return body.decode()
