"""What every side of the Platform port promises of revisions and traffic: in
memory, and with real processes whose code lies in a folder that is edited."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap import sessions
from catnap.errors import InvalidRequest, NotFound
from catnap.events import Event, to_binary
from catnap.services import images
from catnap.services.local import LocalPlatform
from catnap.services.platform import Platform, Route
from catnap.services.render import service
from catnap.services.traffic import LATEST, Target, parse
from catnap.skills.manifest import parse_manifest
from tests.contract.memory import Function, MemoryPlatform, Source

MAIN = """
import {module}
from catnap import skill

@skill
def main(ctx, request: object) -> str:
    return {module}.WHO
"""


@dataclass
class Side:
    """A platform, and how to make the next image of its one skill. chance:
    what the next split falls on."""

    platform: Platform
    image: Callable[[str], str]
    chance: float = 0.0

    async def edit(self, who: str, **spec: Any) -> str:
        """Deploys code that answers so."""
        manifest = parse_manifest('name = "echo"\ndescription = "Tells who it is."\n')
        wanted = service(manifest, image=self.image(who), namespace="acme")
        wanted["spec"].update(spec)
        return await self.platform.apply(wanted)

    async def route(self, *entries: dict[str, Any]) -> None:
        await self.platform.route("acme", "echo", parse(list(entries)))

    async def call(self, chance: float = 0.0, session: str = "", revision: str = "") -> Any:
        self.chance = chance
        event = Event(
            id="1", source="/t", type="t", datacontenttype="application/json", data=b"null"
        )
        headers, body = to_binary(event)
        route = Route("acme", "echo", session=session, revision=revision)
        async with self.platform.deliver(route, headers, body) as delivery:
            return msgspec.json.decode(await delivery.reply.read())


@pytest.fixture(params=["memory", "local"])
async def side(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Side]:
    platform: MemoryPlatform | LocalPlatform
    if request.param == "memory":
        sources: dict[str, Source | Function] = {}

        def image(who: str) -> str:
            async def start(env: Mapping[str, str]) -> Function:
                async def answer(event: Event) -> str:
                    return who

                return answer

            sources[who] = Source(start)
            return who

        platform = MemoryPlatform(sources, chance=lambda: side.chance)
    else:
        folder = tmp_path / "functions" / "echo"
        folder.mkdir(parents=True)
        (folder / "skill.toml").write_text('name = "echo"\ndescription = "Tells who it is."\n')

        def image(who: str) -> str:
            for each in folder.glob("*.py"):
                each.unlink()
            (folder / "main.py").write_text(MAIN.format(module=f"said_by_{who}"))
            (folder / f"said_by_{who}.py").write_text(f"WHO = {who!r}\n")
            return images.build(folder, tmp_path).reference

        platform = LocalPlatform(
            tmp_path, "127.0.0.1:1", lambda *line: None, chance=lambda: side.chance
        )
    side = Side(platform, image)
    yield side
    await platform.close()


async def test_all_calls_follow_the_newest_until_traffic_says_otherwise(side: Side) -> None:
    assert await side.edit("one") == "echo-00001"
    assert await side.call() == "one"
    assert await side.edit("two") == "echo-00002"
    assert await side.call() == "two"


async def test_calls_go_by_the_percentages(side: Side) -> None:
    await side.edit("one")
    await side.edit("two")
    await side.route(
        {"revisionName": "echo-00001", "percent": 80}, {"latestRevision": True, "percent": 20}
    )
    assert [await side.call(chance) for chance in (0.0, 0.79, 0.81, 0.99)] == [
        "one",
        "one",
        "two",
        "two",
    ]


async def test_an_old_revision_that_never_ran_runs_its_own_code_after_edits(side: Side) -> None:
    await side.edit("one")
    await side.edit("two")
    await side.edit("three")
    await side.route({"revisionName": "echo-00001", "percent": 100})
    assert await side.call() == "one"


async def test_a_pin_outlasts_edits_and_latest_follows_them(side: Side) -> None:
    await side.edit("one")
    await side.route({"revisionName": "echo-00001", "percent": 100})
    assert await side.edit("two") == "echo-00002"
    assert await side.call() == "one"
    await side.platform.route("acme", "echo", LATEST)
    assert await side.call() == "two"
    await side.edit("three")
    assert await side.call() == "three"


def _falls(where: Callable[[float], bool]) -> str:
    """A session that does there."""
    names = (f"bob\0{number}" for number in itertools.count())
    return next(name for name in names if where(sessions.chance(name, "echo")))


async def test_percentages_are_of_new_sessions(side: Side) -> None:
    await side.edit("one")
    assert await side.call(session="ada\0old") == "one"
    await side.edit("two")
    low = _falls(lambda chance: chance < 0.5)
    high = _falls(lambda chance: chance > 0.5)
    one, two = {"revisionName": "echo-00001"}, {"latestRevision": True}
    await side.route({**one, "percent": 50}, {**two, "percent": 50})
    assert [await side.call(session=each) for each in (low, high)] == ["one", "two"]
    await side.route({**one, "percent": 99}, {**two, "percent": 1})
    assert await side.call(session=high) == "two", "it stays where it began"
    await side.route({**two, "percent": 100})
    assert await side.call(session=low) == "two", "its revision has no share any more"


async def test_a_tag_leads_to_its_revision_whatever_the_percentages(side: Side) -> None:
    await side.edit("one")
    await side.edit("two")
    await side.route(
        {"latestRevision": True, "percent": 100}, {"revisionName": "echo-00001", "tag": "stable"}
    )
    revision = side.platform.tagged("acme", "echo", "stable")
    assert revision == "echo-00001"
    assert await side.call(revision=revision) == "one"
    assert await side.call() == "two"
    with pytest.raises(NotFound, match="'canary': there are stable"):
        side.platform.tagged("acme", "echo", "canary")


async def test_traffic_may_come_with_the_service_object(side: Side) -> None:
    await side.edit("one")
    pinned = [{"revisionName": "echo-00001", "percent": 100, "tag": "stable"}]
    await side.edit("two", traffic=pinned)
    assert await side.call() == "one"
    await side.edit("three")
    assert await side.call() == "one", "an object that says nothing of it leaves it as it is"


async def test_traffic_to_a_revision_that_there_is_not_changes_nothing(side: Side) -> None:
    await side.edit("one")
    with pytest.raises(InvalidRequest, match='Revision "echo-00007" referenced in traffic'):
        await side.route({"revisionName": "echo-00007", "percent": 100})
    with pytest.raises(InvalidRequest, match="sum to 90"):
        await side.edit("two", traffic=[{"latestRevision": True, "percent": 90}])
    assert await side.call() == "one"
    assert await side.edit("one") == "echo-00001"


async def test_a_service_that_there_is_not_has_no_traffic(side: Side) -> None:
    with pytest.raises(NotFound):
        await side.platform.route("acme", "echo", LATEST)
    with pytest.raises(NotFound):
        side.platform.tagged("acme", "echo", "stable")
    with pytest.raises(NotFound):
        side.platform.look("acme", "echo")


async def test_a_deleted_service_comes_back_with_all_calls_to_the_newest(side: Side) -> None:
    await side.edit("one")
    await side.edit("two")
    await side.route({"revisionName": "echo-00001", "percent": 100})
    await side.platform.delete("acme", "echo")
    with pytest.raises(NotFound):
        await side.call()
    assert await side.edit("three") == "echo-00003", "no name is given twice"
    assert await side.call() == "three"


async def test_a_snapshot_shows_what_runs(side: Side) -> None:
    await side.edit("one")
    await side.edit("two")
    await side.route(
        {"revisionName": "echo-00001", "percent": 90},
        {"latestRevision": True, "percent": 10, "tag": "canary"},
    )
    await side.call(session="ada\0s")
    [seen] = side.platform.snapshot()
    alone = side.platform.look("acme", "echo")
    assert [each.name for each in alone.revisions] == [each.name for each in seen.revisions]
    assert (seen.tenant, seen.name, seen.latest) == ("acme", "echo", "echo-00002")
    assert seen.traffic[0] == Target(revision_name="echo-00001", percent=90)
    new, old = seen.revisions
    assert (new.name, new.percent, new.tags, new.instances) == ("echo-00002", 10, ["canary"], [])
    assert (old.name, old.percent, old.served, old.waiting) == ("echo-00001", 90, True, 0)
    [instance] = old.instances
    assert (instance.state, instance.inflight, instance.sessions) == ("ready", 0, 1)
    assert old.decisions[0].want == 1
    assert old.decisions[0].why
