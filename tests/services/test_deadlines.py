"""One timer for many blocks."""

from __future__ import annotations

import asyncio

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
