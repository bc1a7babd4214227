"""A gateway that others can take the place of, before it stops."""

from __future__ import annotations

from pathlib import Path

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
