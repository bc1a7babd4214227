"""Each delivery of a call is a span, however it ends."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from catnap.calls import Call
from catnap.calls.deliver import Deliverer
from catnap.errors import DeadlineExceeded, SkillError
from catnap.events import Event
from catnap.traces.span import Span, Spans
from tests.calls.conftest import World

TRACE, CALLER = "a" * 32, "b" * 16


@pytest.fixture
def kept() -> list[Span]:
    return []


@pytest.fixture
def deliverer(world: World, kept: list[Span]) -> Deliverer:
    parts = (world.catalog, world.platform, world.grants)
    return Deliverer(*parts, lambda call, compute_ms: None, tracer=Spans(kept.append))


async def answer(world: World, deliverer: Deliverer, call: Call) -> Any:
    return await deliverer.answer(call, world.catalog.get(call.skill, call.tenant))


async def test_a_skill_works_within_it(
    world: World, deliverer: Deliverer, kept: list[Span]
) -> None:
    call = world.call(traceparent=f"00-{TRACE}-{CALLER}-01")
    await answer(world, deliverer, call)
    [span] = kept
    assert (span.name, span.trace, span.parent, span.error) == ("call echo", TRACE, CALLER, "")
    assert world.seen[0].extensions["traceparent"] == span.traceparent
    assert span.attributes["task"] == call.id
    assert str(span.attributes["instance"]).startswith("echo-")


async def test_it_says_what_a_call_failed_of(
    world: World, deliverer: Deliverer, kept: list[Span]
) -> None:
    async def declines(event: Event) -> None:
        raise SkillError("no")

    async def stays(event: Event) -> None:
        began.set()
        await asyncio.Event().wait()

    began = asyncio.Event()
    await world.skill("declines", declines)
    await world.skill("stays", stays)
    with pytest.raises(SkillError):
        await answer(world, deliverer, world.call("declines"))
    late = world.call("hold", deadline=time.time() + 0.05)
    with pytest.raises(DeadlineExceeded):
        await answer(world, deliverer, late)
    left = asyncio.create_task(answer(world, deliverer, world.call("stays")))
    await began.wait()
    left.cancel()
    await asyncio.wait([left])
    assert [each.error for each in kept] == ["SkillError", "DeadlineExceeded", "Cancelled"]
