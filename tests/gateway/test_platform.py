"""/platform: what runs, and changes to it. The commands that ask it, too."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.local import ACME, ADMIN, make_skill
from tests.gateway.world import World, command, running

MAIN = "from catnap import skill\n@skill\ndef main(ctx, request: dict) -> str: return {who!r}\n"


class Edited(World):
    """With a skill `echo` that is edited."""

    @property
    def folder(self) -> Path:
        return self.gateway.settings.functions / "echo"

    async def edit(self, who: str) -> None:
        (self.folder / "main.py").write_text(MAIN.format(who=who))
        await self.gateway.catalog.refresh(self.folder)

    async def call(self, **headers: str) -> Any:
        return (await self.ask("POST", "/skills/echo", {}, **headers))[1]


@pytest.fixture
async def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Edited]:
    monkeypatch.chdir(tmp_path)
    echo = make_skill(tmp_path, "echo", MAIN.format(who="one"))
    async with running(tmp_path, echo) as world:
        yield Edited(**vars(world))


async def test_what_runs_is_shown_to_who_keeps_the_platform_going(world: Edited) -> None:
    await world.call()
    status, seen = await world.ask("GET", "/platform")
    assert status == 200
    assert seen["platform"] == "local"
    assert {each["tenant"] for each in seen["services"]} == {"default", "acme", "rival"}
    [ours] = [each for each in seen["services"] if each["tenant"] == "default"]
    [revision] = ours["revisions"]
    assert revision["name"] == "echo-00001"
    assert revision["percent"] == 100
    assert [each["state"] for each in revision["instances"]] == ["ready"]
    assert revision["limits"]["max_scale"] == 10
    status, problem = await world.ask("GET", "/platform", key=ACME)
    assert status == 403
    assert "platform.read" in problem["detail"]


async def test_each_path_has_its_methods_and_names_them(world: Edited) -> None:
    assert (await world.ask("POST", "/platform"))[0] == 405
    assert (await world.ask("POST", "/platform/skills/echo"))[0] == 405
    assert (await world.ask("GET", "/platform/skills/echo/traffic"))[0] == 405
    assert (await world.ask("GET", "/platform/nothing"))[0] == 404
    assert (await world.ask("GET", "/platform/skills/ecko"))[0] == 404
    assert (await world.ask("GET", "/platform/skills/%65cho"))[0] == 200
    status, problem = await world.ask("GET", "/platform/skills/a%20b%2Fc")
    assert (status, "'a b/c'" in problem["detail"]) == (404, True)


async def test_only_who_may_change_the_platform_does(world: Edited) -> None:
    body = {"traffic": [{"latestRevision": True, "percent": 100}]}
    for method, part in (("PUT", "/traffic"), ("POST", "/deploy"), ("DELETE", "")):
        status, problem = await world.ask(method, f"/platform/skills/echo{part}", body, key=ACME)
        assert status == 403
        assert "platform.write" in problem["detail"]
    assert await world.call() == "one"


async def test_traffic_that_makes_no_sense_is_refused(world: Edited) -> None:
    for body in ({}, {"traffic": 1}, [], {"traffic": [{"percent": 99}]}):
        status, problem = await world.ask("PUT", "/platform/skills/echo/traffic", body)
        assert (status, "traffic" in problem["detail"]) == (400, True), problem


async def test_a_call_reaches_a_tag(world: Edited) -> None:
    await world.edit("two")
    entries = [
        {"latestRevision": True, "percent": 100},
        {"revisionName": "echo-00001", "tag": "stable"},
    ]
    status, seen = await world.ask("PUT", "/platform/skills/echo/traffic", {"traffic": entries})
    assert (status, seen["traffic"]) == (200, entries)
    assert await world.call() == "two"
    assert await world.call(catnap_tag="stable") == "one"
    status, problem = await world.ask("POST", "/skills/echo", {}, catnap_tag="beta")
    assert status == 404
    assert "stable" in problem["detail"]
    status, problem = await world.ask(
        "POST", "/skills/echo", {}, catnap_tag="stable", prefer="respond-async"
    )
    assert status == 400


async def test_a_call_over_grpc_reaches_a_tag(world: Edited) -> None:
    await world.edit("two")
    await world.cli("traffic", "echo", "--tag", "stable=1")
    flags = ("--grpc", world.grpc, "--tag", "stable", "--data", "{}")
    call = ("call", "echo", "--token", ADMIN, *flags)
    assert await command(*call) == (0, '"one"', "")
    assert await command(*call, "--stream") == (0, '"one"', "")
    status, _, err = await command(*call, "--async")
    assert (status, "leave the tag out" in err) == (2, True)


async def test_one_tenants_traffic_is_no_other_tenants(world: Edited) -> None:
    await world.edit("two")
    body = {"traffic": [{"revisionName": "echo-00001", "percent": 100}]}
    await world.ask("PUT", "/platform/skills/echo/traffic?tenant=acme", body)
    assert (await world.ask("POST", "/skills/echo", {}, key=ACME))[1] == "one"
    assert await world.call() == "two"


async def test_traffic_that_somebody_else_has_changed_is_not_overwritten(world: Edited) -> None:
    await world.edit("two")
    path = "/platform/skills/echo/traffic"
    seen = await world.request("GET", "/platform/skills/echo")
    version = seen.headers[b"etag"].decode()
    [first, second] = [
        {"traffic": [{"revisionName": f"echo-0000{number}", "percent": 100}]} for number in (1, 2)
    ]
    answers = await asyncio.gather(
        *(world.ask("PUT", path, each, if_match=version) for each in (first, second))
    )
    assert sorted(status for status, _ in answers) == [200, 409]
    [problem] = [told["detail"] for status, told in answers if status == 409]
    assert "somebody else has changed the traffic of 'echo'" in problem
    assert (await world.ask("PUT", path, first, if_match="*"))[0] == 200
    assert (await world.ask("PUT", path, second))[0] == 200


async def test_a_tenant_that_there_is_not_is_told_so_and_not_made(
    world: Edited, tmp_path: Path
) -> None:
    def files() -> set[Path]:
        return {path for path in (tmp_path / "home").rglob("*.json") if "images" not in path.parts}

    before = files()
    body = {"traffic": [{"latestRevision": True, "percent": 100}]}
    routes = (
        ("GET", "/platform"),
        ("GET", "/platform/skills/echo"),
        ("PUT", "/platform/skills/echo/traffic"),
    )
    tenants = {"typo": 404, "..": 404, "x" * 300: 400, "a%00b": 400}
    for (method, path), (tenant, status) in itertools.product(routes, tenants.items()):
        found, problem = await world.ask(method, f"{path}?tenant={tenant}", body)
        assert (found, "tenant" in problem["detail"]) == (status, True), problem
    assert files() == before
    found, problem = await world.ask("GET", "/platform?tenant=typo", key=ACME)
    assert found == 403, "who there is, is not everybody's to know"


# --- the commands ---------------------------------------------------------------------


async def test_traffic_shows_and_splits(world: Edited) -> None:
    await world.edit("two")
    status, out, _ = await world.cli("traffic", "echo")
    assert status == 0
    assert out.splitlines()[1].split()[:4] == ["echo-00002", "(latest)", "100", "%"]
    status, out, err = await world.cli("traffic", "echo", "--to", "1=100", "--tag", "next=latest")
    assert status == 0
    assert "edits get no calls" in err
    assert await world.call() == "one"
    assert await world.call(catnap_tag="next") == "two"
    await world.edit("three")
    assert await world.call() == "one"
    assert await world.call(catnap_tag="next") == "three"
    await world.cli("traffic", "echo", "--latest", "--untag", "next")
    assert await world.call() == "three"


async def test_what_is_wrong_with_a_split_is_said(world: Edited) -> None:
    for flags, status, said in (
        (("--to", "1=50"), 2, "sum to 50, want 100"),
        (("--to", "1"), 2, "not of the form --to REVISION=PERCENT"),
        (("--to", "1=many"), 2, "no percentage"),
        (("--to", "1=50", "--to", "1=50"), 2, "twice"),
        (("--to", "1=100", "--latest"), 2, "not both"),
        (("--to", "7=100"), 4, "no revision '7'"),
        (("--tag", "No=1"), 2, "DNS 1035 label"),
    ):
        found, _, err = await world.cli("traffic", "echo", *flags)
        assert (found, said in err) == (status, True), err
    assert await world.call() == "one"


async def test_rollback_goes_to_what_served_and_stays_there(world: Edited) -> None:
    status, _, err = await world.cli("rollback", "echo")
    assert status == 4
    assert "nothing to go back to" in err
    await world.edit("two")
    status, _, err = await world.cli("rollback", "echo")
    assert status == 0
    assert "pinned" in err
    assert await world.call() == "one"
    await world.edit("three")
    assert await world.call() == "one"
    await world.cli("rollback", "echo", "--to", "2")
    assert await world.call() == "two"


async def test_revisions_lists_all_that_can_serve(world: Edited) -> None:
    await world.edit("two")
    status, out, _ = await world.cli("revisions", "echo", "--json")
    assert status == 0
    found = json.loads(out)["revisions"]
    assert [(each["name"], each["percent"]) for each in found] == [
        ("echo-00002", 100),
        ("echo-00001", 0),
    ]


async def test_status_shows_instances_of_what_is_named(world: Edited) -> None:
    await world.call()
    status, out, _ = await world.cli("status", "echo", "--tenant", "default")
    assert status == 0
    assert "echo-00001  100 %" in out
    assert "ready" in out
    status, _, err = await world.cli("status", "ecko")
    assert status == 4
    assert "'echo'" in err


async def test_status_says_why_an_edit_is_not_served(world: Edited) -> None:
    (world.folder / "main.py").write_text("import nothing_of_that_name\n")
    await world.gateway.catalog.refresh(world.folder)
    _, out, err = await world.cli("status", "--tenant", "default")
    assert "echo-00001" in out
    assert "nothing_of_that_name" in err
    _, out, _ = await world.cli("status", "--json")
    assert "nothing_of_that_name" in json.loads(out)["problems"]["echo"]


async def test_what_cannot_start_is_in_a_crash_loop(world: Edited) -> None:
    (world.folder / "skill.toml").write_text(
        'name = "echo"\ndescription = "Breaks when it starts."\n[env]\nBREAKS = "yes"\n'
    )
    (world.folder / "main.py").write_text(
        "import os\nassert not os.environ.get('CATNAP_INSTANCE'), 'it breaks'\n"
        + MAIN.format(who="two")
    )
    await world.gateway.catalog.refresh(world.folder)
    await world.call()
    _, out, _ = await world.cli("status", "--tenant", "default")
    assert "CrashLoopBackOff" in out
    assert "it breaks" in out


async def test_deploy_takes_an_edit_up_or_leaves_what_runs(world: Edited) -> None:
    (world.folder / "main.py").write_text(MAIN.format(who="two"))
    status, out, _ = await world.cli("deploy", "--here", "echo")
    assert (status, out) == (0, "echo-00002\n")
    (world.folder / "main.py").write_text("import nothing_of_that_name\n")
    status, out, err = await world.cli("deploy", "--here")
    assert (status, out) == (2, "")
    assert "nothing_of_that_name" in err
    assert await world.call() == "two"
    status, _, err = await world.cli("deploy", "--here", "--dry-run")
    assert status == 2
    assert "--here" in err


async def test_a_deleted_skill_stays_away_until_it_is_deployed(world: Edited) -> None:
    assert (await world.cli("delete", "echo"))[0] == 0
    await world.edit("two")
    status, problem = await world.ask("POST", "/skills/echo", {})
    assert status == 404
    assert "catnap deploy --here echo" in problem["detail"]
    assert "was deleted" in (await world.cli("status", "echo"))[2]
    assert (await world.cli("delete", "echo"))[0] == 4
    assert (await world.cli("deploy", "--here"))[0] == 0
    assert await world.call() == "two"


async def test_who_may_see_some_tenants_is_told_of_no_others(world: Edited) -> None:
    wanted = {"name": "op", "roles": ["operator@acme*"]}
    _, made = await world.ask("POST", "/keys", wanted)
    assert (await world.ask("GET", "/platform?tenant=rival", key=made["secret"]))[0] == 403
    status, problem = await world.ask("GET", "/platform?tenant=acme-2", key=made["secret"])
    assert (status, problem["detail"]) == (404, "there is no tenant 'acme-2': there are acme")
