"""A fleet: what becomes of a revision that loses its traffic and gets it back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from catnap.errors import NotFound, SkillCrashed
from catnap.services.choice import Share
from catnap.services.fleet import Fleet
from catnap.services.instance import Instance
from catnap.services.place import Place
from catnap.services.platform import Route
from catnap.services.pool import Pool
from catnap.services.render import API_VERSION, AUTOSCALING
from catnap.services.revision import Revision, revision_of
from tests.services.test_pool import Ready


class World:
    """A fleet of one service, whose clock stands still."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.made: list[Instance] = []
        self.kind: type[Ready] = Ready
        self.fleet = Fleet(self._make, lambda: self.now, lambda: 0.0)

    def _make(self, revision: Revision, name: str) -> Instance:
        self.made.append(self.kind(name))
        return self.made[-1]

    def serve(self, number: int) -> None:
        """Sends every call to the revision of that number."""
        revision = _revision(number)
        self.fleet.serve([revision], (Share(revision.name, 100),))

    async def call(self, session: str = "", share: str = "") -> Call:
        pool = self.fleet.pool(Route("t", "s", share, session))
        place, _ = await pool.acquire(session)
        return Call(pool, place)

    def begin(self, session: str = "") -> asyncio.Task[Call]:
        return asyncio.create_task(self.call(session))


@dataclass
class Call:
    pool: Pool
    place: Place

    @property
    def instance(self) -> Instance:
        return self.place.instance

    def end(self) -> None:
        self.pool.release(self.place)


class Broken(Ready):
    async def start(self) -> None:
        raise SkillCrashed("it crashed")


def _revision(number: int) -> Revision:
    spec: dict[str, Any] = {"containerConcurrency": 1, "containers": [{"image": "i"}]}
    annotations = {AUTOSCALING + "max-scale": "1"}
    template = {"metadata": {"annotations": annotations}, "spec": spec}
    named = {"name": "s", "namespace": "t"}
    service = {"apiVersion": API_VERSION, "kind": "Service", "metadata": named}
    return revision_of(service | {"spec": {"template": template}}, number)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_sessions_call_survives_a_rollback_while_its_instance_drains() -> None:
    world = World()
    world.serve(1)
    first = await world.call(session="s")
    world.serve(2)
    world.serve(1)
    second = world.begin(session="s")
    await settle()
    first.end()
    assert (await second).instance is first.instance


async def test_a_revision_that_comes_back_has_no_more_instances_than_before() -> None:
    world = World()
    world.serve(1)
    first = await world.call()
    for deleted in (False, True):
        if deleted:
            world.fleet.delete("t", "s")
        else:
            world.serve(2)
        world.serve(1)
        second = world.begin()
        await settle()
        assert [each for each in world.made if each.alive] == [first.instance]
        first.end()
        first = await second


async def test_what_is_deleted_is_gone_when_its_last_call_has_ended() -> None:
    world = World()
    world.serve(1)
    call = await world.call()
    world.fleet.delete("t", "s")
    with pytest.raises(NotFound):
        await world.call()
    assert (world.fleet.status(), world.fleet.has("t", "s")) == ([], False)
    world.fleet.tick()
    assert call.instance.alive
    call.end()
    await settle()
    world.fleet.tick()
    assert list(world.fleet.pools("t", "s")) == []


async def test_a_revision_that_crashes_waits_longer_each_time_whoever_calls() -> None:
    world = World()
    world.kind = Broken
    world.serve(1)
    waits = []
    for user in "abcd":
        with pytest.raises(SkillCrashed):
            await world.call(share=user)
        with pytest.raises(SkillCrashed) as told:
            await world.call(share="another")
        waits.append(told.value.retry_after)
        world.now += 120  # long enough that no average remembers the call
        world.fleet.tick()
        assert list(world.fleet.pools("t", "s")) == []
    assert waits == [1, 2, 4, 8]
    assert len(world.made) == len(waits)


async def test_a_share_is_seen_while_it_must_not_start() -> None:
    world = World()
    world.kind = Broken
    world.serve(1)
    with pytest.raises(SkillCrashed):
        await world.call(share="a")
    world.fleet.tick()
    [pool] = world.fleet.pools("t", "s")
    assert pool.crash is not None
