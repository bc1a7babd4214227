"""A pool whose instances do not start, or are ended while they do."""

from __future__ import annotations

import asyncio

import pytest

from catnap.errors import CatnapError, SkillCrashed, Unavailable
from catnap.http import Response
from catnap.services.instance import Instance, Interrupted
from catnap.services.pool import Pool
from catnap.services.revision import Revision
from catnap.services.room import Room
from tests.services.test_pool import World


class Starting(Instance):
    """Starts when it is told to, and says itself when it is gone."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self) -> None:
        await self.started
        self.ready = True

    def end(self, *, now: bool = False) -> None:
        self.draining = True

    def gone(self, status: int, error: CatnapError) -> None:
        """It has ended, and that is why it does not start."""
        self.exited.set_result(status)
        self.started.set_exception(error)


class Starts(World):
    """Its instances are `made`, unless the disk is `full`."""

    def __init__(self, concurrency: int = 10, **annotations: str) -> None:
        super().__init__(concurrency, **annotations)
        self.made: list[Starting] = []
        self.full = False

    def _make(self, revision: Revision, name: str) -> Instance:
        if self.full:
            raise Unavailable("the disk is full")
        self.made.append(Starting(name))
        return self.made[-1]

    async def begin(self) -> asyncio.Task[None]:
        call = asyncio.create_task(self.call())
        await self.settle()
        return call


async def test_a_call_for_which_no_instance_can_be_made_is_told_and_waits_no_more() -> None:
    world = Starts()
    world.full = True
    with pytest.raises(Unavailable, match="disk is full"):
        await world.call()
    assert world.pool.waiting == 0
    assert world.pool.crash is not None


async def test_an_answered_call_is_not_hurt_by_anothers_instance_that_cannot_be_made() -> None:
    world, room = Starts(), Room(1)
    one, other = (
        Pool(world.revision, world._make, lambda: world.now, room, share) for share in "ab"
    )
    answered = asyncio.create_task(one.acquire())
    await world.settle()
    world.made[0].started.set_result(None)
    place, _ = await answered
    waiting = asyncio.create_task(other.acquire())
    await world.settle()
    world.full = True
    one.release(place)
    with pytest.raises(Unavailable, match="disk is full"):
        await waiting


async def test_who_waits_for_room_is_told_that_the_revision_crashes() -> None:
    world, room = Starts(), Room(1)
    one, other = (
        Pool(world.revision, world._make, lambda: world.now, room, share) for share in "ab"
    )
    calls = [asyncio.create_task(pool.acquire()) for pool in (one, other)]
    await world.settle()
    world.made[0].started.set_exception(SkillCrashed("it crashed"))
    await world.settle()
    world.made[0].exited.set_result(1)
    for call in calls:
        with pytest.raises(SkillCrashed, match="it crashed") as told:
            await call
        assert told.value.retry_after == 1


async def test_who_waits_has_the_place_of_one_that_was_given_up_before_that_is_gone() -> None:
    world, room = Starts(), Room(1)
    one, other = (
        Pool(world.revision, world._make, lambda: world.now, room, share) for share in "ab"
    )
    calls = [asyncio.create_task(pool.acquire()) for pool in (one, other)]
    await world.settle()
    world.made[0].started.set_result(None)
    place, _ = await calls[0]
    one.retired = other.retired = True
    one.adjust()
    one.end(place.instance)
    await world.settle()
    assert not place.instance.exited.done()
    world.made[1].started.set_result(None)
    place, _ = await calls[1]
    assert place.instance is world.made[1]


async def test_who_waits_for_an_instance_that_somebody_ends_gets_another_at_once() -> None:
    world = Starts()
    call = await world.begin()
    world.made[0].gone(-15, Interrupted("ended by SIGTERM"))
    await world.settle()
    world.made[1].started.set_result(None)
    await call
    assert world.pool.crash is None


async def test_what_somebody_ends_again_and_again_has_failed() -> None:
    world = Starts()
    call = await world.begin()
    for number in range(4):
        world.made[number].gone(-15, Interrupted("ended by SIGTERM"))
        await world.settle()
    with pytest.raises(SkillCrashed, match="SIGTERM"):
        await call
    assert world.pool.crash is not None


async def test_an_instance_that_the_pool_ends_while_it_starts_has_not_crashed() -> None:
    world = Starts(initial_scale="1")
    world.pool.adjust()
    await world.settle()
    world.pool.instances[0].end()
    call = await world.begin()
    world.made[0].gone(-15, SkillCrashed("ended by SIGTERM"))
    await world.settle()
    assert world.pool.crash is None
    world.made[1].started.set_result(None)
    await call


async def test_a_call_that_comes_while_the_platform_stops_gets_an_answer() -> None:
    world = Starts()
    await world.pool.close()
    with pytest.raises(Unavailable, match="stopping") as refused:
        await world.call()
    assert Response.error(refused.value).status == 503
