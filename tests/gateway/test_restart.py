"""A gateway that starts again, with a skill whose source is broken by then."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.local import ACME, make_skill
from tests.gateway.test_platform import MAIN, Edited
from tests.gateway.world import running


async def test_what_served_before_a_restart_serves_after_it_whatever_its_source_has_become(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    echo = make_skill(tmp_path, "echo", MAIN.format(who="one"))
    monkeypatch.chdir(tmp_path)
    async with running(tmp_path, echo) as world:
        before = Edited(**vars(world))
        await before.edit("two")
        assert (await before.cli("rollback", "echo"))[0] == 0
    (tmp_path / "functions" / "echo" / "main.py").write_text("import nothing_of_that_name\n")
    async with running(tmp_path) as world:
        after = Edited(**vars(world))
        assert await after.call() == "one"
        assert (await after.ask("POST", "/skills/echo", {}, key=ACME))[1] == "two"
        [listed] = (await after.ask("GET", "/skills"))[1]["skills"]
        assert "nothing_of_that_name" in listed["problem"]
        assert (await after.ask("POST", "/skills/echo", {}, prefer="respond-async"))[0] == 202
        assert (await after.cli("traffic", "echo", "--latest"))[0] == 0
        assert await after.call() == "two"
