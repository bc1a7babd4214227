"""One timer for many blocks."""

from __future__ import annotations

import asyncio
import math
import weakref

import pytest

from catnap.services.deadlines import Deadlines, Limit


async def forever(limit: Limit) -> None:
    with limit:
        await asyncio.Event().wait()


async def test_a_block_may_end_before_one_that_began_earlier() -> None:
    deadlines = Deadlines()
    late = asyncio.ensure_future(forever(Limit(deadlines, 3600.0)))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await forever(Limit(deadlines, 0.01))
    assert not late.done()
    late.cancel()
    with pytest.raises(asyncio.CancelledError):
        await late


async def test_a_block_that_has_ended_is_left_in_peace() -> None:
    deadlines = Deadlines()
    with Limit(deadlines, 0.001):
        pass
    with pytest.raises(TimeoutError):
        await forever(Limit(deadlines, 0.01))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_who_is_cancelled_while_time_runs_out_stays_cancelled() -> None:
    limit = Limit(Deadlines(), 0.0)
    task = asyncio.ensure_future(forever(limit))
    while not limit.expired:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Counted(Limit):
    """Counts how often any is asked when it is due."""

    asked = 0
    _seconds = math.inf

    @property
    def due(self) -> float:
        Counted.asked += 1
        return self._seconds

    @due.setter
    def due(self, seconds: float) -> None:
        self._seconds = seconds


async def test_one_that_runs_out_costs_the_same_however_many_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    now = loop.time()
    monkeypatch.setattr(loop, "time", lambda: now)
    deadlines, many = Deadlines(), 1000
    blocks = [asyncio.ensure_future(forever(Counted(deadlines, n + 1))) for n in range(many)]
    await asyncio.sleep(0)
    Counted.asked = 0
    for number, block in enumerate(blocks):
        assert not block.done()
        now += 1
        with pytest.raises(TimeoutError):
            await block
        assert Counted.asked <= 4 * (number + 1)


async def test_a_deadline_that_is_put_off_holds() -> None:
    deadlines = Deadlines()
    limit = Limit(deadlines, 0.001)
    block = asyncio.ensure_future(forever(limit))
    await asyncio.sleep(0)
    limit.due += 3600
    with pytest.raises(TimeoutError):
        await forever(Limit(deadlines, 0.01))
    assert not block.done()
    block.cancel()


async def test_what_has_ended_is_not_kept_until_it_would_have_been_due() -> None:
    deadlines = Deadlines()
    kept: weakref.WeakSet[Limit] = weakref.WeakSet()
    for _ in range(1000):
        limit = Counted(deadlines, 3600.0)
        kept.add(limit)
        with limit:
            pass
    assert len(kept) < 100
