"""Skills as their folders change: what is served, and what is said about it."""

from __future__ import annotations

import asyncio
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from catnap.errors import InvalidRequest, NotFound, Unavailable
from catnap.events import Event
from catnap.services.catalog import route
from catnap.services.folder import FolderCatalog
from catnap.services.traffic import LATEST, Target
from tests.contract.memory import Function, MemoryPlatform

MAIN = "from catnap import skill\n@skill\ndef main(ctx, request: {type}) -> str: return ''\n"


@dataclass
class World:
    functions: Path
    catalog: FolderCatalog
    platform: MemoryPlatform
    said: list[str]

    def write(self, name: str, kind: str = "int", toml: str = "") -> Path:
        folder = self.functions / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.py").write_text(MAIN.format(type=kind))
        (folder / "skill.toml").write_text(f'name = "{name}"\ndescription = "A test."\n{toml}')
        return folder

    def revisions(self) -> list[str]:
        return [each.revision for each in self.platform.status()]


async def _answer(event: Event) -> Any:
    return None


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    sources: dict[str, Function] = defaultdict(lambda: _answer)
    platform = MemoryPlatform(sources)
    said: list[str] = []
    functions = tmp_path / "functions"
    functions.mkdir()
    world = World(
        functions, FolderCatalog(functions, tmp_path, platform, said.append), platform, said
    )
    yield world
    await platform.close()


async def test_every_skill_of_a_folder_is_served_and_described(world: World) -> None:
    world.write("one", "int")
    world.write("two", "str")
    (world.functions / "notes").mkdir()
    await world.catalog.load()
    assert [each.manifest.name for each in world.catalog.of("acme")] == ["one", "two"]
    assert world.catalog.get("one").description.input_schema == {"type": "integer"}
    assert world.said == []
    assert world.revisions() == [], "a skill costs nothing before its first call"


async def test_a_missing_folder_of_functions_is_named(world: World) -> None:
    world.functions.rmdir()
    with pytest.raises(InvalidRequest, match="CATNAP_FUNCTIONS"):
        await world.catalog.load()


async def test_an_unknown_skill_is_answered_with_the_nearest(world: World) -> None:
    world.write("echo")
    await world.catalog.load()
    with pytest.raises(NotFound, match="did you mean 'echo'"):
        world.catalog.get("ecko")


async def test_a_tenant_gets_its_revision_at_its_first_call_however_many_come(
    world: World,
) -> None:
    world.write("echo")
    await world.catalog.load()
    names = await asyncio.gather(*(world.catalog.revision("echo", "acme") for _ in range(20)))
    assert set(names) == {"echo-00001"}
    assert world.catalog.get("echo").tenants == {"acme": "echo-00001"}


async def test_an_edit_is_a_new_revision_for_every_tenant_that_had_one(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    for tenant in ("a", "b"):
        await world.catalog.revision("echo", tenant)
    world.write("echo", "str")
    await world.catalog.refresh(folder)
    assert world.revisions() == ["echo-00002", "echo-00002"]
    assert world.catalog.get("echo").tenants == {"a": "echo-00002", "b": "echo-00002"}
    assert world.said == ["echo: now echo-00002"]


async def test_what_changes_nothing_is_no_revision(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    (folder / "tests").mkdir()
    (folder / "tests" / "test_echo.py").write_text("")
    await world.catalog.refresh(folder)
    assert world.revisions() == ["echo-00001"]
    assert world.said == []


async def test_edits_in_quick_succession_end_with_the_last(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    refreshes = []
    for kind in ("str", "float", "bool"):
        world.write("echo", kind)
        refreshes.append(asyncio.create_task(world.catalog.refresh(folder)))
        await asyncio.sleep(0)
    await asyncio.gather(*refreshes)
    assert world.catalog.get("echo").description.input_schema == {"type": "boolean"}


async def test_calls_go_on_while_an_edit_is_taken_up(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    world.write("echo", "str")
    refresh = asyncio.create_task(world.catalog.refresh(folder))
    seen = set()
    while not refresh.done():
        seen.add(await world.catalog.revision("echo", "a"))
        seen.add(await world.catalog.revision("echo", "b"))
        await asyncio.sleep(0.001)
    assert seen >= {"echo-00001"}
    assert set(world.catalog.get("echo").tenants.values()) == {"echo-00002"}


async def test_a_broken_edit_leaves_the_running_one_and_says_why(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    (folder / "main.py").write_text("import nothing_of_that_name\n")
    await world.catalog.refresh(folder)
    await world.catalog.refresh(folder)
    kept = world.catalog.get("echo")
    assert "nothing_of_that_name" in kept.problem
    assert kept.tenants == {"a": "echo-00001"}
    assert len(world.said) == 1
    assert "main.py line 1" in world.said[0]
    world.write("echo", "str")
    await world.catalog.refresh(folder)
    assert world.catalog.get("echo").problem == ""
    assert world.catalog.get("echo").tenants == {"a": "echo-00002"}


async def test_taking_a_broken_edit_back_is_heard(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    (folder / "skill.toml").write_text("name = 3")
    await world.catalog.refresh(folder)
    assert world.catalog.get("echo").problem
    world.write("echo")
    await world.catalog.refresh(folder)
    assert world.catalog.get("echo").problem == ""
    assert world.revisions() == ["echo-00001"]


async def test_one_bad_skill_keeps_no_other_from_being_served(world: World) -> None:
    world.write("good")
    (world.write("linked") / "data").symlink_to("/nowhere")
    world.write("named", toml="[scale]\nmaks = 3\n")
    world.write("unlocked").joinpath("requirements.in").write_text("numpy\n")
    other = world.write("renamed")
    other.rename(world.functions / "other")
    exits = world.write("exits")
    (exits / "main.py").write_text("import os\nos._exit(3)\n")
    await world.catalog.load()
    assert [each.manifest.name for each in world.catalog.of("acme")] == ["good"]
    said = "\n".join(sorted(world.said))
    for name, why in {
        "linked": "data cannot be read",
        "named": "did you mean 'scale.max'",
        "unlocked": "catnap lock",
        "other": "must be the same",
        "exits": "ended while it was imported",
    }.items():
        assert f"{name}: cannot be served" in said
        assert why in said
        with pytest.raises(Unavailable, match=f"cannot be served.*{why}"):
            world.catalog.get(name)


async def test_what_the_platform_does_not_run_does_not_replace_what_it_runs(
    world: World,
) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    world.write("echo", toml="[limits]\ngpu = 1\n")
    await world.catalog.refresh(folder)
    assert "gpu" in world.catalog.get("echo").problem
    assert world.revisions() == ["echo-00001"]


async def test_a_removed_skill_is_gone_and_may_come_back_as_it_was(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    folder.rename(world.functions / ".away")
    await world.catalog.refresh(folder)
    with pytest.raises(NotFound):
        world.catalog.get("echo")
    assert world.revisions() == []
    (world.functions / ".away").rename(folder)
    await world.catalog.refresh(folder)
    assert await world.catalog.revision("echo", "a") == "echo-00001"


async def test_a_removal_that_the_platform_did_not_take_is_said_and_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(namespace: str, service: str) -> None:
        raise Unavailable("the cluster does not answer")

    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    folder.rename(world.functions / ".away")
    with monkeypatch.context() as patch:
        patch.setattr(world.platform, "delete", away)
        await world.catalog.refresh(folder)
    assert world.catalog.get("echo").problem == "the cluster does not answer"
    assert "the cluster does not answer" in world.said[-1]
    await world.catalog.refresh(folder)
    assert world.revisions() == []
    with pytest.raises(NotFound):
        world.catalog.get("echo")


async def test_a_skill_whose_service_is_gone_already_can_be_removed(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    await world.platform.delete("a", "echo")
    folder.rename(world.functions / ".away")
    await world.catalog.refresh(folder)
    assert "removed" in world.said[-1]


async def test_a_skill_may_read_its_env_while_it_is_imported(world: World) -> None:
    folder = world.write("echo", toml='[env]\nMODE = "x"\n')
    code = "import os\nassert os.environ['MODE'] == 'x'\n" + MAIN.format(type="int")
    (folder / "main.py").write_text(code)
    await world.catalog.load()
    assert world.said == []


async def test_a_description_that_was_half_written_is_made_again(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    image = world.catalog.get("echo").image
    image.path.with_suffix(".json").write_bytes(b'{"inp')
    again = FolderCatalog(world.functions, image.path.parents[1], world.platform, world.said.append)
    await again.refresh(folder)
    assert again.get("echo").description.input_schema == {"type": "integer"}


async def test_an_edit_that_gets_no_calls_says_who_does(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    await world.platform.route("a", "echo", [Target(revision_name="echo-00001", percent=100)])
    world.write("echo", "str")
    await world.catalog.refresh(folder)
    [said] = world.said
    assert "echo-00002 is ready, traffic stays at echo-00001" in said
    assert "catnap traffic echo --latest" in said
    assert world.revisions() == ["echo-00001"]


async def test_what_is_gone_back_to_is_met_with_its_own_manifest(world: World) -> None:
    folder = world.write("echo", "int", '[limits]\ntimeout = "7s"\n')
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    world.write("echo", "str")
    await world.catalog.refresh(folder)
    first = [Target(revision_name="echo-00001", percent=100)]
    await world.catalog.route("a", "echo", first)

    def met(tenant: str) -> tuple[float, str]:
        [listed] = world.catalog.of(tenant)
        found = world.catalog.get("echo", tenant)
        assert listed == found
        return found.manifest.limits.timeout, (found.description.input_schema or {})["type"]

    assert met("a") == (7.0, "integer")
    assert met("b") == (300.0, "string"), "another tenant's traffic is its own"
    (folder / "main.py").write_text("import nothing_of_that_name\n")
    await world.catalog.refresh(folder)
    assert "nothing_of_that_name" in world.catalog.get("echo", "a").problem
    await world.catalog.route("a", "echo", LATEST)
    assert met("a") == (300.0, "string")


async def test_calls_meet_the_manifest_of_where_they_go_at_every_moment_of_a_change(
    world: World,
) -> None:
    async def meeting(work: Coroutine[Any, Any, None]) -> None:
        change = asyncio.create_task(work)
        while not change.done():
            met = world.catalog.get("echo", "a").image.reference
            assert met == world.platform.image("a", "echo")
            await asyncio.sleep(0)
        await change

    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    world.write("echo", "str")
    await world.catalog.refresh(folder)
    first = [Target(revision_name="echo-00001", percent=100)]
    await meeting(world.catalog.route("a", "echo", first))
    world.write("echo", "float")
    await meeting(world.catalog.refresh(folder))
    await meeting(world.catalog.route("a", "echo", LATEST))


async def test_what_cannot_be_gone_back_to_leaves_traffic_where_it_is(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    first = world.catalog.get("echo").image.path
    world.write("echo", "str")
    await world.catalog.refresh(folder)
    shutil.rmtree(first)
    with pytest.raises(InvalidRequest, match="not on this machine"):
        await world.catalog.route("a", "echo", [Target(revision_name="echo-00001", percent=100)])
    assert world.revisions() == ["echo-00002"]
    assert world.platform.look("a", "echo").traffic == LATEST


async def test_no_traffic_is_changed_for_a_tenant_that_was_never_served(world: World) -> None:
    world.write("echo")
    await world.catalog.load()
    with pytest.raises(NotFound, match="typo"):
        await world.catalog.route("typo", "echo", LATEST)
    assert world.revisions() == []


async def test_a_deploy_raises_what_is_wrong_and_leaves_what_runs(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    (folder / "main.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(InvalidRequest, match="nothing_of_that_name"):
        await world.catalog.deploy("echo")
    assert world.revisions() == ["echo-00001"]
    world.write("echo", "str")
    await world.catalog.deploy("echo")
    assert world.revisions() == ["echo-00002"]
    with pytest.raises(NotFound, match="did you mean 'echo'"):
        await world.catalog.deploy("ecko")


async def test_a_deleted_skill_stays_away_over_edits_and_restarts(
    world: World, tmp_path: Path
) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.revision("echo", "a")
    await world.catalog.delete("echo")
    assert world.revisions() == []
    world.write("echo", "str")
    await world.catalog.refresh(folder)
    again = FolderCatalog(world.functions, tmp_path, world.platform, world.said.append, ["a"])
    await again.load()
    for catalog in (world.catalog, again):
        with pytest.raises(NotFound, match="catnap deploy --here echo"):
            catalog.get("echo")
        with pytest.raises(NotFound, match="was deleted"):
            await catalog.delete("echo")
    await again.deploy("echo")
    assert world.revisions() == ["echo-00002"]


async def test_a_deleted_skill_that_cannot_be_deployed_is_a_deleted_one_still(
    world: World,
) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.delete("echo")
    (folder / "main.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(InvalidRequest, match="nothing_of_that_name"):
        await world.catalog.deploy("echo")
    with pytest.raises(NotFound, match="was deleted"):
        world.catalog.get("echo")
    assert "was deleted" in world.catalog.problems("a")["echo"]
    world.write("echo")
    await world.catalog.deploy("echo")
    assert world.catalog.problems("a") == {}


async def test_a_deleted_skill_whose_folder_went_may_be_written_anew(world: World) -> None:
    folder = world.write("echo")
    await world.catalog.load()
    await world.catalog.delete("echo")
    folder.rename(world.functions / ".away")
    await world.catalog.refresh(folder)
    world.write("echo", "str")
    await world.catalog.refresh(folder)
    assert world.catalog.get("echo").description.input_schema == {"type": "string"}


async def test_who_meets_whom_is_the_manifests_to_say(world: World) -> None:
    for share in ("tenant", "user", "session"):
        world.write(share, toml=f'[session]\nshare = "{share}"\n')
    await world.catalog.load()

    def share(name: str, user: str, session: str) -> str:
        return route(world.catalog.get(name), "acme", user, session).share

    assert share("tenant", "a", "1") == share("tenant", "b", "2") == ""
    assert share("user", "a", "1") == share("user", "a", "2") != share("user", "b", "1")
    assert share("session", "a", "1") != share("session", "a", "2") != share("session", "b", "2")
    with pytest.raises(InvalidRequest, match="session"):
        route(world.catalog.get("session"), "acme", "a", "")
