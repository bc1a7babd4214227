"""Whose folder is where, between an answer and the next call."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catnap.errors import Unavailable
from catnap.files import FolderStore, MemoryStore, Written
from catnap.services.platform import Route
from catnap.snapshots.visits import Visit
from catnap.store import Store
from catnap.workspaces import Keeper, Workspaces

ROUTE = Route("acme", "coder", session="ada\0s1")


class Slow(MemoryStore):
    """Stores nothing until it may, and says what it was asked; refuses where
    it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.may = asyncio.Event()
        self.may.set()
        self.asked = asyncio.Event()
        self.down = False

    async def put(self, key: str, body: AsyncIterable[bytes], **options: Any) -> Written:
        self.asked.set()
        await self.may.wait()
        if self.down:
            raise Unavailable("the object store is away")
        return await super().put(key, body, **options)


class World:
    def __init__(self, tmp_path: Path, store: Store, objects: Slow | FolderStore) -> None:
        self.now = 0.0
        self.keeper = Keeper(Workspaces(objects, store), tmp_path, lambda: self.now)
        for instance in ("one", "two"):
            self.keeper.room(instance)

    async def enter(self, instance: str = "one") -> Visit:
        visit = await self.keeper.enter(ROUTE, instance)
        assert isinstance(visit, Visit)
        return visit

    async def write(self, name: str, instance: str = "one", *, whole: bool = True) -> None:
        visit = await self.enter(instance)
        (visit.folder / name).write_text(name)
        self.keeper.leave(visit, whole=whole)

    async def names(self, instance: str) -> list[str]:
        visit = await self.enter(instance)
        self.keeper.leave(visit, whole=False)
        return sorted(each.name for each in visit.folder.iterdir())


@pytest.fixture
async def slow() -> Slow:
    return Slow()


@pytest.fixture
async def world(tmp_path: Path, store: Store, slow: Slow) -> AsyncIterator[World]:
    world = World(tmp_path, store, slow)
    yield world
    slow.may.set()
    await world.keeper.close()


async def test_the_answer_does_not_wait_for_the_snapshot_but_the_next_call_does(
    world: World, slow: Slow
) -> None:
    slow.may.clear()
    await world.write("a")  # its end is here while nothing is stored yet
    await slow.asked.wait()
    next_call = asyncio.ensure_future(world.names("two"))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not next_call.done()
    slow.may.set()
    assert await next_call == ["a"]


async def test_a_call_that_comes_at_once_finds_the_folder_kept(world: World) -> None:
    await world.write("a")
    assert await world.names("two") == ["a"]


async def test_what_was_left_with_an_instance_that_lost_the_session_is_not_kept(
    world: World,
) -> None:
    visit = await world.enter("one")
    await world.write("b", "two")
    (visit.folder / "late").write_text("late")
    world.keeper.leave(visit, whole=True)
    world.keeper.closed("one", whole=True)
    assert await world.names("two") == ["b"]


async def test_what_changes_between_calls_is_kept_when_the_instance_ends(world: World) -> None:
    visit = await world.enter("one")
    world.keeper.leave(visit, whole=True)
    (visit.folder / "later").write_text("by what the skill has left at work")
    world.keeper.closed("one", whole=True)
    assert await world.names("two") == ["later"]


async def test_what_a_call_died_in_is_not_what_the_session_was_left_as(world: World) -> None:
    await world.write("a")
    visit = await world.enter("one")
    (visit.folder / "half").write_text("half")
    world.keeper.closed("one", whole=False)
    world.keeper.leave(visit, whole=False)
    assert await world.names("two") == ["a"]


async def test_a_snapshot_that_failed_is_made_up_for_at_the_next_call(
    world: World, slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    slow.down = True
    await world.write("a")
    assert await world.names("one") == ["a"]
    assert "the object store is away" in caplog.text
    with pytest.raises(Unavailable, match="cannot move to another instance yet"):
        await world.enter("two")
    slow.down = False
    await world.write("b")
    assert await world.names("two") == ["a", "b"]


async def test_a_session_that_is_quiet_leaves_its_instance(world: World, tmp_path: Path) -> None:
    visit = await world.enter("one")
    (visit.folder / "a").write_text("a")
    world.keeper.leave(visit, whole=True)
    (visit.folder / "b").write_text("b")
    world.now += 10_000
    other = await world.keeper.enter(Route("acme", "coder", session="ada\0s2"), "one")
    assert other is not None
    world.keeper.leave(other, whole=True)
    assert await world.names("two") == ["a", "b"]
    await world.keeper.close()
    assert not visit.folder.exists()


@pytest.mark.timeout(20)
async def test_a_session_that_cannot_be_kept_keeps_no_other_at_its_instance(
    world: World, slow: Slow
) -> None:
    first = await world.enter("one")
    (first.folder / "a").write_text("a")
    world.keeper.leave(first, whole=False)
    world.now += 600
    second = await world.keeper.enter(Route("acme", "coder", session="ada\0s2"), "one")
    assert second is not None
    world.keeper.leave(second, whole=False)
    slow.down = True
    third = Route("acme", "coder", session="ada\0s3")
    for _ in range(2):  # the first is to leave, and then the second
        world.now += 600
        visit = await world.keeper.enter(third, "one")
        assert visit is not None
        world.keeper.leave(visit, whole=False)
    while second.folder.exists():
        await asyncio.sleep(0.01)


async def test_a_skill_that_removes_its_folder_has_emptied_it(world: World) -> None:
    await world.write("a")
    visit = await world.enter("one")
    shutil.rmtree(visit.folder)
    world.keeper.leave(visit, whole=True)
    assert await world.names("one") == []
    assert await world.names("two") == []


async def test_an_instance_that_has_ended_gets_no_folder(world: World) -> None:
    world.keeper.closed("one", whole=True)
    await asyncio.sleep(0)
    assert await world.keeper.enter(ROUTE, "one") is None
