"""A pool: who gets which place, and how many instances there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

import pytest

from catnap.errors import Unavailable
from catnap.scaling import TICK
from catnap.services.instance import Instance
from catnap.services.place import Place
from catnap.services.pool import Pool
from catnap.services.render import API_VERSION, AUTOSCALING, CATNAP
from catnap.services.revision import Revision, revision_of
from catnap.services.room import Room


class Ready(Instance):
    """Starts and ends as soon as it is asked to."""

    async def start(self) -> None:
        self.ready = True

    def end(self, *, now: bool = False) -> None:
        self.draining = True
        if not self.exited.done():
            self.exited.set_result(0)


class Lingering(Ready):
    """Takes its time to end."""

    def end(self, *, now: bool = False) -> None:
        self.draining = True


class World:
    """One pool, its clock, and the calls that it has."""

    def __init__(self, concurrency: int = 10, **annotations: str) -> None:
        self.now = 1000.0
        self.kind: type[Ready] = Ready
        named = {key.replace("_", "-"): value for key, value in annotations.items()}
        prefixes = {"queue": CATNAP}
        self.revision = _revision(
            concurrency,
            {prefixes.get(key, AUTOSCALING) + key: value for key, value in named.items()},
        )
        room = Room(self.revision.scale.max_scale, self.revision.queue)
        self.pool = Pool(self.revision, self._make, lambda: self.now, room)
        self.places: list[Place] = []

    def _make(self, revision: Revision, name: str) -> Instance:
        return self.kind(name)

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    async def call(self, session: str = "") -> None:
        place, _ = await self.pool.acquire(session)
        self.places.append(place)

    async def go(self, seconds: float, each: Callable[[], None] = lambda: None) -> None:
        """Lets time go by."""
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            each()
            self.pool.adjust()
            await self.settle()


def _revision(concurrency: int, annotations: Mapping[str, str]) -> Revision:
    spec: dict[str, Any] = {"containerConcurrency": concurrency, "containers": [{"image": "i"}]}
    template = {"metadata": {"annotations": annotations}, "spec": spec}
    return revision_of(
        {
            "apiVersion": API_VERSION,
            "kind": "Service",
            "metadata": {"name": "s", "namespace": "t"},
            "spec": {"template": template},
        },
        1,
    )


async def test_what_waits_beyond_the_bound_is_refused_and_all_others_get_an_answer() -> None:
    world = World(concurrency=7, max_scale="1", queue="1000")
    await world.call()
    world.pool.release(world.places.pop())
    calls = [asyncio.create_task(world.call()) for _ in range(5000)]
    await world.settle()
    assert (len(world.places), world.pool.waiting) == (7, 1000)
    for served in range(7 + 1000):
        await world.settle()
        world.pool.release(world.places[served])
    results = await asyncio.gather(*calls, return_exceptions=True)
    refused = [each for each in results if each is not None]
    assert len(refused) == 4000 - 7
    assert all(isinstance(each, Unavailable) and each.retry_after for each in refused)


async def test_a_hundred_first_calls_start_what_the_autoscaler_allows() -> None:
    world = World(concurrency=10)
    calls = [asyncio.create_task(world.call()) for _ in range(100)]
    await world.settle()
    assert len(world.pool.instances) == ceil(100 / 7)
    await asyncio.gather(*calls)
    assert [each.want for each in world.pool.decisions] == [1, ceil(100 / 7)]


async def test_one_first_call_starts_one() -> None:
    world = World()
    await world.call()
    await world.go(30)
    assert len(world.pool.instances) == 1


async def test_a_burst_at_a_warm_service_is_averaged_first() -> None:
    world = World(concurrency=10)
    await world.call()
    await world.go(20)
    calls = [asyncio.create_task(world.call()) for _ in range(69)]
    await world.settle()
    assert len(world.pool.instances) == 1
    await world.go(8)
    assert len(world.pool.instances) == 10
    await asyncio.gather(*calls)


async def test_what_is_not_wanted_any_more_ends_with_its_last_call() -> None:
    world = World(concurrency=1, window="6s")
    calls = [asyncio.create_task(world.call()) for _ in range(6)]
    await world.go(10)
    await asyncio.gather(*calls)
    before = len(world.pool.instances)
    for place in world.places[:3]:
        world.pool.release(place)
    await world.go(60)
    assert len(world.pool.instances) < before
    for place in world.places[3:]:
        assert place.instance.alive, "it has a call"
        world.pool.release(place)
    await world.go(60)
    assert world.pool.instances == []


async def test_the_initial_scale_is_there_before_any_call() -> None:
    world = World(initial_scale="3", window="6s")
    world.pool.adjust()
    assert len(world.pool.instances) == 3
    await world.go(30)
    assert world.pool.instances == []


async def test_an_activation_scale_is_what_a_first_call_wakes() -> None:
    world = World(activation_scale="4")
    await world.call()
    assert len(world.pool.instances) == 4


async def test_calls_a_second_may_be_the_measure() -> None:
    world = World(concurrency=0, metric="rps", target="10")

    def calls() -> None:
        for _ in range(100 * TICK):
            place, _ = _now(world.pool.acquire())
            world.pool.release(place)

    await world.call()
    await world.go(20, calls)
    assert len(world.pool.instances) == ceil(100 / 7)


def _now(coroutine: Any) -> Any:
    """What it gives without having to wait."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


async def test_a_session_does_not_wait_for_an_instance_that_is_given_up() -> None:
    world = World(window="6s")
    world.kind = Lingering
    for _ in range(8):
        await world.call()
    await world.go(10)
    assert len(world.pool.instances) == 2
    await world.call("s")
    given_up = world.places[-1].instance
    for place in world.places:
        world.pool.release(place)
    given_up.unready = True
    await world.call()  # keeps the other one
    waiting = asyncio.create_task(world.call("s"))
    await world.go(60)
    assert not given_up.alive
    await waiting


async def test_an_instance_whose_readiness_probe_fails_is_not_counted_as_ready() -> None:
    world = World(min_scale="2")
    world.pool.adjust()
    await world.settle()
    world.pool.instances[0].unready = True
    await world.go(2)
    assert world.pool.decisions[-1].ready == 1


async def test_who_gave_its_place_to_another_share_does_not_take_it_back() -> None:
    world = World(max_scale="1")
    room = Room(1)
    one, other = (
        Pool(world.revision, world._make, lambda: world.now, room, share) for share in "ab"
    )
    for pool in (one, other):
        place, _ = await pool.acquire()
        pool.release(place)
        for _ in range(3):
            world.now += TICK
            one.adjust()
            other.adjust()
            await world.settle()
    assert (len(one.instances), len(other.instances)) == (0, 1)
    assert place.instance in other.instances
