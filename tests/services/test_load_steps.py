"""Load that comes in steps, in a pool's own time: nobody is lost, and there are
as many instances as were decided."""

from __future__ import annotations

import asyncio
from math import ceil

from catnap.scaling import TICK
from tests.services.test_pool import World

CALL = 0.1
"""Seconds that a call takes."""


class Steps(World):
    """Callers that call again as soon as they are answered."""

    def __init__(self) -> None:
        super().__init__(concurrency=10, window="6s")
        self.callers: list[asyncio.Task[None]] = []
        self.working: list[asyncio.Future[None]] = []
        self.answered = 0

    async def caller(self) -> None:
        while True:
            place, _ = await self.pool.acquire()
            done = asyncio.get_running_loop().create_future()
            self.working.append(done)
            try:
                await done
                self.answered += 1
            finally:
                self.pool.release(place)

    async def at_once(self, callers: int, seconds: float) -> None:
        while len(self.callers) < callers:
            self.callers.append(asyncio.create_task(self.caller()))
        for extra in self.callers[callers:]:
            extra.cancel()
        del self.callers[callers:]
        for step in range(round(seconds / CALL)):
            await self.settle()
            self.now += CALL
            working, self.working = self.working, []
            for done in working:
                if not done.done():
                    done.set_result(None)
            await self.settle()
            if step % round(TICK / CALL) == 0:
                self.pool.adjust()
                await self.settle()
                staying = [each for each in self.pool.instances if not each.surplus]
                assert len(staying) == self.pool.decisions[-1].want


async def test_one_caller_then_two_hundred_then_one_then_none() -> None:
    steps = Steps()
    await steps.at_once(1, 10)
    assert len(steps.pool.instances) == 1
    await steps.at_once(200, 20)
    assert len(steps.pool.instances) == ceil(200 / 7)
    assert steps.pool.waiting == 0
    assert any(each.panicking for each in steps.pool.decisions)
    await steps.at_once(1, 30)
    assert len(steps.pool.instances) == 1
    assert steps.pool.waiting == 0
    await steps.at_once(0, 20)
    assert steps.pool.instances == []
    assert steps.pool.decisions[-1].want == 0
    assert steps.answered > 200 * 20 / CALL / 2
