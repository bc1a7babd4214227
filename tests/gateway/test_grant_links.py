"""How long a link lasts that a skill made: not much longer than its call may."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from catnap.files.links import MAX_SECONDS, SECONDS
from catnap.gateway.callback import AFTER
from tests.gateway.test_grants import Granting, granting

SLACK = 5
"""Seconds that a slow machine may take for one question."""


async def links(world: Granting, left: float, asked: int | None = None) -> tuple[int, int]:
    """For how many seconds one to read by and one to write by is good, in a call
    that has so many left. asked: those that the skill names."""
    own: dict[str, Any] = {"tenant": "acme", "user": "ada", "task": "t"}
    grant = world.issue(**own, deadline=time.time() + left)
    query = "" if asked is None else f"?seconds={asked}"
    upload = {"size": 1} | ({} if asked is None else {"seconds": asked})
    path = "/callback/links/user/x"
    with world.gateway.pipeline.live.call("t"):
        await world.send("PUT", "/callback/files/user/x", grant, b"x")
        read = json.loads((await world.send("GET", path + query, grant))[1])
        body = json.dumps(upload).encode()
        written = json.loads((await world.send("POST", path, grant, body))[1])
        for each in (read, written):
            # What the answer says is what the link itself says.
            sig = each["url"].partition("?sig=")[2]
            expires = world.gateway.links.verify(sig, 0).expires
            assert abs(expires - time.time() - each["seconds"]) <= SLACK
    return read["seconds"], written["seconds"]


@pytest.mark.parametrize(
    ("left", "asked", "read", "written"),
    [
        (30, None, 30 + AFTER, 30 + AFTER),
        (-10, None, AFTER - 10, AFTER - 10),
        (9000, None, SECONDS, SECONDS),
        (30, 20, 20, 20),
        (30, 1800, 1800, 30 + AFTER),
        (9000, MAX_SECONDS, MAX_SECONDS, MAX_SECONDS),
    ],
)
async def test_a_link_ends_with_its_call_unless_one_to_read_by_says_for_how_long(
    tmp_path: Path, left: float, asked: int | None, read: int, written: int
) -> None:
    async with granting(tmp_path) as world:
        got = await links(world, left, asked)
        for seconds, expected in zip(got, (read, written), strict=True):
            assert expected - SLACK <= seconds <= expected


@pytest.mark.parametrize("asked", [0, -1, MAX_SECONDS + 1])
async def test_no_link_lasts_longer_than_any_may_or_no_time_at_all(
    tmp_path: Path, asked: int
) -> None:
    async with granting(tmp_path) as world:
        grant = world.issue(tenant="acme", user="ada", task="t", deadline=time.time() + 9)
        path = "/callback/links/user/x"
        with world.gateway.pipeline.live.call("t"):
            await world.send("PUT", "/callback/files/user/x", grant, b"x")
            body = json.dumps({"size": 1, "seconds": asked}).encode()
            assert (await world.send("POST", path, grant, body))[0] == 400
            assert (await world.send("GET", f"{path}?seconds={asked}", grant))[0] == 400
