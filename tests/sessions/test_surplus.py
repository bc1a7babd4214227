"""Sessions of an instance that is surplus, and then is not."""

from __future__ import annotations

import asyncio

from tests.services.test_pool import World


async def test_an_instance_that_was_surplus_for_a_moment_keeps_its_sessions() -> None:
    world = World(concurrency=10, initial_scale="2", window="6s")
    world.pool.adjust()
    await world.settle()
    for session in map(str, range(10)):
        await world.call(session)
    held = {place.instance: place for place in world.places}
    assert len(held) == 2
    for place in world.places:
        if place not in held.values():
            world.pool.release(place)
    await world.go(60)
    [surplus] = [each for each in held if each.surplus]
    burst = [asyncio.create_task(world.call()) for _ in range(40)]
    await world.go(10)
    assert not surplus.surplus
    home = held[surplus].home
    assert home is not None
    world.pool.release(held[surplus])
    assert world.pool.sessions.home(home.session, world.now) is home
    await asyncio.gather(*burst)
