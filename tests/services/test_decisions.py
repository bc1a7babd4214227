"""The last decisions of an autoscaler, as a snapshot has them."""

from __future__ import annotations

import asyncio
from math import ceil

from catnap.scaling.scaler import KEPT
from catnap.services.decisions import lately
from tests.services.test_pool import World


async def test_the_newest_comes_first_with_when_it_was_made_and_what_it_saw() -> None:
    world = World(concurrency=10)
    calls = [asyncio.create_task(world.call()) for _ in range(100)]
    await asyncio.gather(*calls)
    await world.go(8)
    newest, first = lately([world.pool])
    assert (first.want, first.ready, first.since, first.stable) == (1, 0, 8.0, 1.0)
    assert (newest.want, newest.panicking) == (ceil(100 / 7), True)
    assert (newest.since, newest.ago, newest.ready) == (8.0, 0.0, ceil(100 / 7))
    assert (newest.stable, newest.panic) == (100.0, 100.0)


async def test_one_that_is_made_again_is_told_once() -> None:
    world = World(concurrency=10)
    await world.call()
    await world.go(20)
    newest = lately([world.pool])[0]
    assert (newest.want, newest.times, newest.since, newest.ago) == (1, 11, 20.0, 0.0)


async def test_of_many_pools_there_is_no_more_than_of_one_but_the_last_of_each() -> None:
    worlds = [World() for _ in range(KEPT + 5)]
    for world in worlds:
        await world.call()
        await world.go(200)
        world.pool.release(world.places.pop())
        await world.go(200)
    assert len(lately([world.pool for world in worlds[:2]])) <= KEPT
    found = lately([world.pool for world in worlds])
    assert sorted(each.group for each in found) == list(range(KEPT + 5))
