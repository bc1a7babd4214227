"""Limits on the one way that all calls go."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from catnap.access.admission import Admitted
from catnap.access.limits import Limit
from catnap.errors import ResourceExhausted, SkillError
from catnap.events import Event
from tests.calls.conftest import World

ON_TEST = '[[triggers.events]]\nname = "each"\ntypes = ["test"]\n'


async def test_a_call_past_a_rate_is_told_which_limit_and_when_it_frees(world: World) -> None:
    world.pipeline.limits.change([Limit(tenant="acme", user="*", rate=0.5, burst=1)])
    await world.pipeline.answer(world.call())
    with pytest.raises(ResourceExhausted, match="user 'ann' of tenant 'acme' is reached") as raised:
        await world.pipeline.answer(world.call())
    assert raised.value.retry_after is not None
    assert 0 < raised.value.retry_after <= 2
    assert "0.5 calls per second, 1 at once; it frees in" in raised.value.message


async def test_calls_at_work_hold_their_places_until_they_end(world: World) -> None:
    world.pipeline.limits.change([Limit(tenant="acme", concurrent=1)])
    first = world.begin(world.call("hold"))
    await world.at_work.acquire()
    with pytest.raises(ResourceExhausted, match="1 at work"):
        await world.pipeline.answer(world.call())
    with pytest.raises(ResourceExhausted, match="1 at work"):
        async with world.pipeline.stream(world.call()):
            pass
    world.go.set()
    await first
    async with world.pipeline.stream(world.call()) as made:
        assert await made.delivered.reply.read() == b"null"
    await world.pipeline.answer(world.call())


async def test_a_caller_that_leaves_gives_its_place_back(world: World) -> None:
    world.pipeline.limits.change([Limit(tenant="acme", concurrent=1)])
    call = world.begin(world.call("hold"))
    await world.at_work.acquire()
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await world.pipeline.answer(world.call())


async def test_an_event_past_a_rate_is_kept_and_delivered_when_it_frees(world: World) -> None:
    await world.skill("ping", world.sources["echo"], ON_TEST)
    world.pipeline.limits.change([Limit(skill="ping", rate=5, burst=1)])
    tasks = [(await world.event()).tasks[0] for _ in range(4)]
    waiting = await world.until(tasks[-1], "queued")
    while waiting.failure is None:
        waiting = await world.until(tasks[-1], "queued")
    assert waiting.failure.name == "ResourceExhausted"
    ended = [await world.until(task, "succeeded") for task in tasks]
    assert [task.attempts for task in ended] == [1, 1, 1, 1]


async def test_an_event_waits_for_a_place_and_none_is_lost(world: World) -> None:
    at_work, most = 0, 0

    async def count(event: Event) -> Any:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        for _ in range(5):
            await asyncio.sleep(0)
        at_work -= 1
        return None

    await world.skill("count", count, ON_TEST)
    world.pipeline.limits.change([Limit(skill="count", concurrent=2)])
    tasks = [(await world.event()).tasks[0] for _ in range(12)]
    for task in tasks:
        await world.until(task, "succeeded")
    assert most <= 2


async def test_a_task_that_would_wait_past_its_deadline_says_why_it_was_not_made(
    world: World,
) -> None:
    world.pipeline.limits.change([Limit(tenant="acme", concurrent=1)])
    held = world.pipeline.limits.begin(("acme", "ann", "echo"), time.time())
    assert isinstance(held, Admitted)
    task = await world.pipeline.submit(world.call(deadline=time.time() + 0.04))
    ended = await world.until(task.id, "dead", "failed")
    assert ended.failure is not None
    held.end(time.time())


async def test_a_task_is_refused_when_it_is_submitted_and_takes_its_place_when_it_is_made(
    world: World,
) -> None:
    world.pipeline.limits.change([Limit(tenant="acme", daily_calls=1)])
    task = await world.pipeline.submit(world.call())
    with pytest.raises(ResourceExhausted, match="1 calls per day"):
        await world.pipeline.submit(world.call())
    await world.until(task.id, "succeeded")


async def test_what_a_skill_spends_counts_also_where_it_fails(world: World) -> None:
    async def declines(event: Event) -> Any:
        raise SkillError("no")

    await world.skill("declines", declines)
    world.pipeline.limits.change([Limit(tenant="acme", daily_compute_ms=1e-6)])
    with pytest.raises(SkillError):
        await world.pipeline.answer(world.call("declines"))
    with pytest.raises(ResourceExhausted, match="ms of compute per day"):
        await world.pipeline.answer(world.call())


async def test_a_stream_spends_while_it_flows(world: World) -> None:
    async def parts(event: Event) -> AsyncIterator[bytes]:
        yield json.dumps(1).encode()
        yield json.dumps(2).encode()

    async def streams(event: Event) -> Any:
        return parts(event)

    await world.skill("streams", streams)
    async with world.pipeline.stream(world.call("streams")) as made:
        assert await made.delivered.reply.read() == b"12"
    [tally] = world.pipeline.limits.noted()
    assert (tally.who, tally.used.calls) == (("acme", "ann", "streams"), 1)
    assert tally.used.compute_ms > 0


async def test_a_call_within_another_needs_no_place_of_its_own(world: World) -> None:
    world.pipeline.limits.change([Limit(tenant="acme", concurrent=1)])
    first = world.begin(world.call("hold"))
    await world.at_work.acquire()
    await world.pipeline.answer(world.call(parent="0" * 26, depth=1))
    world.go.set()
    await first
