"""A gateway that starts again, with a skill whose source is broken by then."""

from __future__ import annotations

from pathlib import Path

import pytest

from catnap.gateway.gateway import Gateway
from catnap.http import Client, Target
from tests.gateway.local import ACME, started
from tests.gateway.test_platform import World

MAIN = "from catnap import skill\n@skill\ndef main(ctx, request: dict) -> str: return {who!r}\n"


async def test_what_served_before_a_restart_serves_after_it_whatever_its_source_has_become(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    skill = tmp_path / "skills" / "echo"
    skill.mkdir(parents=True)
    (skill / "skill.toml").write_text('name = "echo"\ndescription = "Tells who it is."\n')
    (skill / "main.py").write_text(MAIN.format(who="one"))
    monkeypatch.chdir(tmp_path)
    client = Client()

    def world(gateway: Gateway, where: Target) -> World:
        return World(gateway, where, tmp_path / "functions" / "echo", capsys, client)

    async with started(tmp_path, skill) as running:
        before = world(*running)
        await before.edit("two")
        assert (await before.cli("rollback", "echo"))[0] == 0
    (tmp_path / "functions" / "echo" / "main.py").write_text("import nothing_of_that_name\n")
    async with started(tmp_path) as running:
        after = world(*running)
        assert await after.call() == "one"
        assert (await after.ask("POST", "/skills/echo", {}, key=ACME))[1] == "two"
        [listed] = (await after.ask("GET", "/skills"))[1]["skills"]
        assert "nothing_of_that_name" in listed["problem"]
        assert (await after.ask("POST", "/skills/echo", {}, prefer="respond-async"))[0] == 202
        assert (await after.cli("traffic", "echo", "--latest"))[0] == 0
        assert await after.call() == "two"
    await client.close()
