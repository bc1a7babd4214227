"""Calls that somebody waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from catnap.access import Principal
from catnap.calls.admit import MAX_DEPTH
from catnap.errors import (
    Cancelled,
    CatnapError,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    SkillCrashed,
    SkillError,
    Unavailable,
)
from catnap.events import Event
from tests.calls.conftest import World

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"


def total(world: World, name: str, **labels: str) -> float:
    return world.pipeline.metrics.registry.get_sample_value(name, labels) or 0.0


async def test_a_call_is_answered_recorded_and_counted(world: World) -> None:
    call = world.call(data={"n": 1}, session="s", parent="p")
    outcome = await world.pipeline.answer(call)
    assert (outcome.task, outcome.data) == (call.id, b'{"n":1}')
    assert outcome.content_type == "application/json"
    assert outcome.instance.startswith("echo-00001-")
    task = await world.journal.get("acme", call.id)
    assert (task.state, task.session, task.parent, task.waited) == ("succeeded", "s", "p", True)
    assert total(world, "catnap_calls_total", skill="echo", outcome="ok") == 1


async def test_only_the_call_that_woke_the_skill_is_a_cold_start(world: World) -> None:
    first = await world.pipeline.answer(world.call())
    second = await world.pipeline.answer(world.call())
    assert list(first.timings)[:4] == ["queue", "start", "import", "init"]
    assert "start" not in second.timings
    assert total(world, "catnap_cold_starts_total", skill="echo") == 1


async def test_a_skill_is_told_for_whom_and_until_when_and_holds_a_grant(world: World) -> None:
    call = world.call(session="s", parent="p", deadline=time.time() + 50, traceparent=TRACE)
    await world.pipeline.answer(call)
    [event] = world.seen
    said = event.extensions
    assert (said["tenantid"], said["userid"], said["sessionid"]) == ("acme", "ann", "s")
    assert (said["taskid"], said["parenttaskid"]) == (call.id, "p")
    assert said["traceparent"] == TRACE
    assert datetime.fromisoformat(said["deadline"]).timestamp() == pytest.approx(
        call.deadline, abs=0.002
    )


async def test_the_skills_own_timeout_bounds_the_deadline(world: World) -> None:
    await world.skill("quick", world.hold, '[limits]\ntimeout = "2s"')
    world.go.set()
    before = time.time()
    await world.pipeline.answer(world.call("quick", deadline=before + 500))
    deadline = datetime.fromisoformat(world.seen[-1].extensions["deadline"]).timestamp()
    assert before + 1.9 < deadline < time.time() + 2.1


async def test_a_skill_that_never_answers_ends_at_the_deadline(world: World) -> None:
    call = world.call("hold", deadline=time.time() + 0.05)
    with pytest.raises(DeadlineExceeded, match="hold"):
        await world.pipeline.answer(call)
    task = await world.journal.get("acme", call.id)
    assert task.state == "failed"
    assert call.id not in world.pipeline.live


async def test_what_the_skill_ends_with_is_what_the_caller_gets(world: World) -> None:
    async def fail(event: Event) -> Any:
        raise SkillError("no such account")

    async def crash(event: Event) -> Any:
        raise KeyError("x")

    await world.skill("fail", fail)
    await world.skill("crash", crash)
    with pytest.raises(SkillError, match="no such account"):
        await world.pipeline.answer(world.call("fail"))
    with pytest.raises(SkillCrashed, match="KeyError"):
        await world.pipeline.answer(world.call("crash"))
    assert total(world, "catnap_calls_total", skill="fail", outcome="SkillError") == 1


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"skill": "nothing"}, NotFound),
        ({"user": "u" * 257}, InvalidRequest),
        ({"key": "k" * 257}, InvalidRequest),
        ({"depth": MAX_DEPTH + 1}, InvalidRequest),
        ({"deadline": 1.0}, DeadlineExceeded),
        ({"principal": Principal("acme", None, frozenset(("viewer",)), "key v")}, PermissionDenied),
        (
            {"principal": Principal("acme", "bob", frozenset(("caller",)), "key b")},
            PermissionDenied,
        ),
    ],
)
async def test_what_may_not_be_called_leaves_no_trace(
    world: World, fields: dict[str, Any], error: type[CatnapError]
) -> None:
    for make in (world.pipeline.answer, world.pipeline.submit):
        with pytest.raises(error):
            await make(world.call(**fields))
    assert world.seen == []
    assert await world.journal.page("acme") == []


async def test_a_skill_that_wants_a_session_says_so(world: World) -> None:
    await world.skill("shell", world.hold, '[session]\nshare = "session"')
    with pytest.raises(InvalidRequest, match="session"):
        await world.pipeline.answer(world.call("shell"))


# --- once per key ---------------------------------------------------------------


async def test_a_repeat_gets_the_first_outcome_and_the_skill_runs_once(world: World) -> None:
    first = await world.pipeline.answer(world.call(data=1, key="k"))
    again = await world.pipeline.answer(world.call(data=1, key="k"))
    assert (again.task, again.data, again.content_type) == (
        first.task, first.data, first.content_type,
    )  # fmt: skip
    assert len(world.seen) == 1


async def test_repeats_that_come_meanwhile_wait_for_the_one_at_work(world: World) -> None:
    calls = [world.begin(world.call("hold", data=1, key="k")) for _ in range(20)]
    await world.at_work.acquire()
    world.go.set()
    outcomes = await asyncio.gather(*calls)
    assert len({each.task for each in outcomes}) == 1
    assert {each.data for each in outcomes} == {b"1"}
    assert len(world.seen) == 1


async def test_another_payload_under_the_same_key_is_a_conflict(world: World) -> None:
    await world.pipeline.answer(world.call(data=1, key="k"))
    with pytest.raises(CatnapError, match="key"):
        await world.pipeline.answer(world.call(data=2, key="k"))


async def test_keys_of_users_and_skills_are_their_own(world: World) -> None:
    world.go.set()
    for fields in ({"user": "ann"}, {"user": "bob"}, {"skill": "hold"}):
        await world.pipeline.answer(world.call(key="k", **fields))
    assert len(world.seen) == 3


async def test_a_failure_that_a_repeat_may_mend_frees_the_key(world: World) -> None:
    answers = iter([Unavailable("not yet"), None])

    async def moody(event: Event) -> Any:
        if error := next(answers):
            raise error
        return "fine"

    await world.skill("moody", moody)
    with pytest.raises(Unavailable):
        await world.pipeline.answer(world.call("moody", key="k"))
    assert (await world.pipeline.answer(world.call("moody", key="k"))).data == b'"fine"'


async def test_a_failure_that_is_final_is_the_repeats_too(world: World) -> None:
    async def fail(event: Event) -> Any:
        raise SkillError("no such account")

    await world.skill("fail", fail)
    for _ in range(2):
        with pytest.raises(SkillError, match="no such account"):
            await world.pipeline.answer(world.call("fail", key="k"))
    assert len(world.seen) == 1


async def test_where_the_first_caller_left_a_waiting_repeat_makes_the_call(world: World) -> None:
    first = world.begin(world.call("hold", data=1, key="k"))
    await world.at_work.acquire()
    second = world.begin(world.call("hold", data=1, key="k"))
    await asyncio.sleep(0)
    first.cancel()
    await world.at_work.acquire()
    world.go.set()
    assert (await second).data == b"1"


async def test_a_caller_that_leaves_before_it_was_recorded_blocks_nobody(world: World) -> None:
    first = world.begin(world.call(data=1, key="k"))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert (await world.pipeline.answer(world.call(data=1, key="k"))).data == b"1"
    assert {each.state for each in await world.journal.page("acme")} == {"cancelled", "succeeded"}


async def test_a_repeat_waits_no_longer_than_its_own_deadline(world: World) -> None:
    first = world.begin(world.call("hold", key="k"))
    await world.at_work.acquire()
    with pytest.raises(DeadlineExceeded, match="still at work"):
        await world.pipeline.answer(world.call("hold", key="k", deadline=time.time() + 0.05))
    world.go.set()
    await first


# --- leaving and stopping ---------------------------------------------------------


async def test_a_caller_that_leaves_cancels_the_skill(world: World) -> None:
    call = world.call("hold")
    running = world.begin(call)
    await world.at_work.acquire()
    assert call.id in world.pipeline.live
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    task = await world.journal.get("acme", call.id)
    assert task.state == "cancelled"
    assert task.failure is not None
    assert call.id not in world.pipeline.live
    assert len(world.pipeline.live) == 0


async def test_a_call_that_is_stopped_by_request_tells_its_caller(world: World) -> None:
    call = world.call("hold", key="k")
    running = world.begin(call)
    await world.at_work.acquire()
    stopped = await world.pipeline.cancel("acme", call.id)
    assert stopped.state == "cancelled"
    with pytest.raises(Cancelled, match="by request"):
        await running
    assert running.cancelling() == 0
    with pytest.raises(Cancelled, match="by request"):
        await world.pipeline.answer(world.call("hold", key="k"))


# --- streams --------------------------------------------------------------------------


async def _count(event: Event) -> AsyncIterator[bytes]:
    async def parts() -> AsyncIterator[bytes]:
        for number in range(3):
            yield b"%d" % number

    return parts()


async def test_a_stream_is_passed_on_as_it_comes(world: World) -> None:
    await world.skill("count", _count)
    call = world.call("count")
    async with world.pipeline.stream(call) as made:
        parts = [part async for part in made.delivered.reply.body]
    assert parts == [b"0", b"1", b"2"]
    assert (await world.journal.get("acme", call.id)).state == "succeeded"


async def test_a_stream_that_is_given_up_is_a_call_that_was_cancelled(world: World) -> None:
    call = world.call("count")
    await world.skill("count", _count)

    async def read() -> None:
        async with world.pipeline.stream(call):
            world.at_work.release()
            await world.go.wait()

    reader = asyncio.create_task(read())
    await world.at_work.acquire()
    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert (await world.journal.get("acme", call.id)).state == "cancelled"
    assert len(world.pipeline.live) == 0


async def test_an_error_of_the_one_who_reads_is_not_taken_for_a_cancellation(
    world: World,
) -> None:
    await world.skill("count", _count)
    call = world.call("count")
    with pytest.raises(OSError, match="gone"):
        async with world.pipeline.stream(call):
            raise OSError("gone")
    assert (await world.journal.get("acme", call.id)).state == "failed"


async def test_a_streamed_answer_cannot_be_kept_for_a_repeat(world: World) -> None:
    with pytest.raises(InvalidRequest, match="idempotency"):
        async with world.pipeline.stream(world.call(key="k")):
            pass


async def test_deadlines_end_a_stream_while_it_is_read(world: World) -> None:
    async def slow(event: Event) -> Any:
        async def parts() -> AsyncIterator[bytes]:
            yield b"first"
            await world.go.wait()

        return parts()

    await world.skill("slow", slow)

    async def read() -> None:
        async with world.pipeline.stream(world.call("slow", deadline=time.time() + 0.05)) as made:
            assert [part async for part in made.delivered.reply.body]

    with pytest.raises(DeadlineExceeded):
        await read()
