"""Who asks for much waits behind himself, by a clock that is the test's own."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catnap.access.limiter import Limiter
from catnap.access.limits import Limit as Bound
from catnap.calls.models import Asker, ModelCalls
from catnap.errors import ResourceExhausted
from catnap.models.account import Uncounted
from catnap.models.adaptive import Limit, Range
from catnap.models.fair import YIELDS
from catnap.models.place import Server
from catnap.models.registry import Registry
from catnap.models.settings import Bounds, Model
from tests.models.batching import Batching
from tests.models.upstreams import tensor_request
from tests.models.virtual import run

BATCH, SECONDS, BOUNDS = 8, 0.01, Bounds()


@asynccontextmanager
async def asked(
    *servers: Batching, bounds: Bounds = BOUNDS, limits: tuple[Bound, ...] = ()
) -> AsyncIterator[ModelCalls]:
    clock = asyncio.get_running_loop().time
    registry = Registry({"m": Model(("nobody:1",), limits=bounds)}, clock=clock)
    [served] = registry
    room = Range(bounds.least, bounds.most, bounds.start)
    there = [Server(f"s{n}", cast(Any, each), Limit(room)) for n, each in enumerate(servers)]
    served.pool.change(there)
    yield ModelCalls(registry, Limiter(limits), Uncounted())
    await registry.close()


async def lasts(calls: ModelCalls, tenant: str, skill: str = "", priority: int = 2) -> float:
    """Seconds that a request takes."""
    clock = asyncio.get_running_loop().time
    began = clock()
    asker = Asker((tenant, "u", skill), priority=priority)
    await calls.infer(asker, tensor_request("m"))
    return clock() - began


async def again_and_again(ask: Callable[[], Awaitable[float]]) -> None:
    while True:
        await ask()


@asynccontextmanager
async def flood(count: int, ask: Callable[[], Awaitable[float]]) -> AsyncIterator[None]:
    """So many requests wait, all the time."""
    tasks = [asyncio.create_task(again_and_again(ask)) for _ in range(count)]
    await asyncio.sleep(200 * SECONDS)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def p95(seconds: list[float]) -> float:
    return sorted(seconds)[int(0.95 * len(seconds))]


@pytest.mark.parametrize(
    ("servers", "batch"), [(1, 8), (3, 8), (1, 32)], ids=["one", "three", "large batches"]
)
def test_a_thousand_that_wait_cost_another_tenant_one_batch_more_than_twice_its_time(
    servers: int, batch: int
) -> None:
    async def measure() -> tuple[float, float]:
        async with asked(*(Batching(batch, SECONDS) for _ in range(servers))) as calls:
            quiet = [await lasts(calls, "b") for _ in range(200)]
            async with flood(1000, lambda: lasts(calls, "a")):
                loud = [await lasts(calls, "b") for _ in range(200)]
            return p95(quiet), p95(loud)

    quiet, loud = run(measure())
    assert loud <= 2 * quiet + SECONDS + 1e-6


def test_a_flood_still_has_what_others_leave() -> None:
    async def measure() -> int:
        server = Batching(BATCH, SECONDS)
        async with asked(server) as calls:
            for _ in range(20):
                await lasts(calls, "b")
            async with flood(1000, lambda: lasts(calls, "a")):
                before = server.answered
                await asyncio.sleep(100 * SECONDS)
                return server.answered - before

    assert run(measure()) >= 0.85 * 100 * BATCH


def test_skills_of_one_tenant_wait_for_their_own_floods_alone() -> None:
    async def measure() -> tuple[float, float]:
        async with asked(Batching(BATCH, SECONDS)) as calls:
            quiet = [await lasts(calls, "a", "calm") for _ in range(200)]
            async with flood(1000, lambda: lasts(calls, "a", "busy")):
                loud = [await lasts(calls, "a", "calm") for _ in range(200)]
            return p95(quiet), p95(loud)

    quiet, loud = run(measure())
    assert loud <= 2 * quiet + SECONDS + 1e-6


def test_the_urgent_are_served_before_all_others_who_have_each_their_turn_in_seventeen() -> None:
    async def measure() -> Counter[int]:
        served = Counter[int]()

        async def one(priority: int) -> float:
            seconds = await lasts(calls, f"tenant of {priority}", priority=priority)
            served[priority] += 1
            return seconds

        async with (
            asked(Batching(1, SECONDS), bounds=Bounds(1, 1, 1)) as calls,
            flood(50, lambda: one(3)),
            flood(50, lambda: one(2)),
            flood(50, lambda: one(1)),
        ):
            served.clear()
            await asyncio.sleep(2000 * SECONDS)
            return Counter(served)

    served = run(measure())
    assert abs(served[3] - YIELDS * served.total() / (YIELDS + 1)) <= 2
    assert abs(served[2] - YIELDS * served[1]) <= 2 * YIELDS
    assert served[1] > 0


@settings(max_examples=25)
@given(st.integers(0), st.integers(1, 6), st.integers(0, 10), st.integers(1, 30))
def test_no_more_are_at_work_at_a_server_or_wait_than_may(
    seed: int, most: int, waiting: int, concurrent: int
) -> None:
    dice = random.Random(seed)
    server = Batching(4, SECONDS)
    bounds = Bounds(least=1, most=most, start=most, waiting=waiting)

    async def one(calls: ModelCalls, tenant: str) -> str:
        await asyncio.sleep(dice.random() * SECONDS * 3)
        try:
            await lasts(calls, tenant)
        except ResourceExhausted as refused:
            return "waiting" if "wait already" in refused.message else "concurrent"
        return "well"

    async def ask() -> Counter[str]:
        limits = (Bound(tenant="*", concurrent=concurrent),)
        async with asked(server, bounds=bounds, limits=limits) as calls:
            [served] = calls.registry
            asking = [asyncio.create_task(one(calls, dice.choice("abc"))) for _ in range(60)]
            longest = 0
            while not all(task.done() for task in asking):
                longest = max(longest, len(served.pool.queue))
                await asyncio.sleep(SECONDS / 50)
            assert longest <= waiting
            assert served.pool.servers[0].inflight == 0
            return Counter(task.result() for task in asking)

    ends = run(ask())
    assert server.most <= most
    assert ends["well"] >= min(60, concurrent, most)
    if concurrent >= 60:
        assert not ends["concurrent"]


@settings(max_examples=25)
@given(st.integers(1, 20), st.integers(1, 40))
def test_as_many_of_a_tenant_are_at_work_as_may_be_and_not_one_more(
    concurrent: int, asked_at_once: int
) -> None:
    async def ask() -> tuple[int, int]:
        server = Batching(64, SECONDS)
        async with asked(
            server,
            bounds=Bounds(64, 64, 64),
            limits=(Bound(tenant="a", concurrent=concurrent),),
        ) as calls:
            requests = [lasts(calls, "a") for _ in range(asked_at_once)]
            ends = await asyncio.gather(*requests, return_exceptions=True)
            refused = sum(isinstance(each, ResourceExhausted) for each in ends)
            await lasts(calls, "a")  # whoever was refused holds no place
            return server.most, refused

    assert run(ask()) == (
        min(concurrent, asked_at_once),
        max(0, asked_at_once - concurrent),
    )
