"""Whatever happens to instances and callers, in any order: no call is lost, and
no bound is passed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import pytest

from catnap.errors import CatnapError, SkillCrashed, Unavailable
from catnap.scaling import TICK
from catnap.services.choice import Share
from catnap.services.fleet import Fleet
from catnap.services.instance import Instance, Interrupted
from catnap.services.place import Place
from catnap.services.platform import Route
from catnap.services.pool import Pool
from catnap.services.render import API_VERSION, AUTOSCALING
from catnap.services.revision import Revision, revision_of
from tests.services.test_pool_starts import Starting

Item = TypeVar("Item")


class Storm:
    """A service of two revisions, and everything that can happen to it."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now = 1000.0
        self.concurrency = self.random.choice([0, 1, 2, 5])
        self.most = self.random.choice([0, 1, 2, 3])
        self.users = self.random.choice([[""], ["a", "b"], ["a", "b", "c", "d"]])
        self.revisions = [_revision(number, self.concurrency, self.most) for number in (1, 2)]
        self.fleet = Fleet(self._make, lambda: self.now, self.random.random)
        self.full = False
        self.made: list[Starting] = []
        self.calls: list[asyncio.Task[None]] = []
        self.held: list[tuple[Pool, Place]] = []
        self.route()
        often = [self.call, self.call, self.call, self.answer, self.answer, self.answer]
        self.events: list[Callable[[], object]] = [
            *(*often, self.start, self.start, self.tick, self.tick, self.leave, self.crash),
            *(self.interrupt, self.exit, self.probe, self.disk, self.give_up, self.route),
        ]

    def _make(self, _: Revision, name: str) -> Instance:
        if self.full:
            raise Unavailable("the disk is full")
        self.made.append(Starting(name))
        return self.made[-1]

    def _any(self, found: list[Item]) -> list[Item]:
        """One of them, if there is any."""
        return [self.random.choice(found)] if found else []

    def _some(self, **about: bool) -> list[Starting]:
        """An instance that still runs and is like that."""
        return self._any(
            [
                each
                for each in self.made
                if not each.exited.done()
                and all(getattr(each, name) == wanted for name, wanted in about.items())
            ]
        )

    def pools(self) -> list[Pool]:
        return list(self.fleet.pools("t", "s"))

    # --- what happens -------------------------------------------------------------

    def call(self) -> None:
        route = Route("t", "s", self.random.choice(self.users), self.random.choice(["", "x", "y"]))
        self.calls.append(asyncio.create_task(self._call(route)))

    async def _call(self, route: Route) -> None:
        pool = self.fleet.pool(route)
        place, _ = await pool.acquire(route.session)
        self.held.append((pool, place))

    def answer(self) -> None:
        for pool, place in self._any(self.held):
            self.held.remove((pool, place))
            pool.release(place)

    def leave(self) -> None:
        for call in self._any(self.calls):
            call.cancel()

    def start(self) -> None:
        for each in self._any([each for each in self.made if not each.started.done()]):
            each.started.set_result(None)

    def crash(self) -> None:
        for each in self._some():
            _end(each, -9, SkillCrashed("it crashed"))

    def interrupt(self) -> None:
        for each in self._some(alive=True):
            if each.ready:
                each.draining = True
                each.leaving.set_result(None)
            else:
                _end(each, -15, Interrupted("ended by SIGTERM"))

    def exit(self) -> None:
        for each in self._some(draining=True, inflight=False):
            _end(each, 0, SkillCrashed("it was told to end"))

    def probe(self) -> None:
        for each in self._some(ready=True):
            each.unready = not each.unready
            each.mended()

    def give_up(self) -> None:
        for pool, place in self._any(self.held):
            pool.end(place.instance)

    def disk(self) -> None:
        self.full = self.random.random() < 0.3

    def route(self) -> None:
        one, other = self.random.sample(self.revisions, 2)
        if self.random.random() < 0.1 and self.fleet.has("t", "s"):
            self.fleet.delete("t", "s")
        if self.random.random() < 0.5:
            self.fleet.serve([one], (Share(one.name, 100),))
        else:
            self.fleet.serve([one, other], (Share(one.name, 50), Share(other.name, 50)))

    def tick(self) -> None:
        self.now += TICK
        self.fleet.tick()

    def calm(self) -> None:
        """All is well from now on."""
        self.full = False
        for each in self.made:
            if each.unready:
                each.unready = False
                each.mended()
            if not each.started.done():
                each.started.set_result(None)
        for pool, place in self.held:
            pool.release(place)
        self.held.clear()
        for _ in self.made:
            self.exit()

    # --- what holds -----------------------------------------------------------------

    def check(self) -> None:
        for revision in self.revisions:
            pools = [each for each in self.pools() if each.revision.name == revision.name]
            alive = [each for pool in pools for each in pool.instances if each.alive]
            assert len(alive) <= self.most or not self.most
            for pool in pools:
                fit = [each for each in pool.instances if each.fit]
                assert (
                    all(each.inflight <= self.concurrency for each in fit) or not self.concurrency
                )
                none = not any(each.alive for each in pool.instances)
                if pool.waiting and none and not pool.retry_in:
                    assert len(alive) == self.most, "a call waits, and there is room"
                    idle = [
                        each for other in pools if not other.waiting for each in other.instances
                    ]
                    assert not any(each.idle for each in idle), "a call waits beside an idle one"


def _end(instance: Starting, status: int, error: CatnapError) -> None:
    instance.exited.set_result(status)
    if not instance.started.done():
        instance.started.set_exception(error)


def _revision(number: int, concurrency: int, most: int) -> Revision:
    spec: dict[str, Any] = {
        "containerConcurrency": concurrency,
        "containers": [{"image": "i"}],
    }
    annotations = {AUTOSCALING + "max-scale": str(most), AUTOSCALING + "window": "6s"}
    template = {"metadata": {"annotations": annotations}, "spec": spec}
    named = {"name": "s", "namespace": "t"}
    service = {"apiVersion": API_VERSION, "kind": "Service", "metadata": named}
    return revision_of(service | {"spec": {"template": template}}, number)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(40))
async def test_every_call_is_answered_or_told_why_not(seed: int) -> None:
    storm = Storm(seed)
    for _ in range(100):
        storm.random.choice(storm.events)()
        await settle()
        storm.check()
    while not all(call.done() for call in storm.calls) or any(each.alive for each in storm.made):
        assert storm.now < 3000, "a call is stuck"
        storm.calm()
        await settle()
        storm.tick()
        await settle()
        storm.check()
    told = [call.exception() for call in storm.calls if not call.cancelled()]
    assert all(each is None or isinstance(each, CatnapError) for each in told)
