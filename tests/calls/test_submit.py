"""Calls and events that nobody waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import pytest

from catnap.access import Principal
from catnap.calls.admit import MAX_DEPTH
from catnap.errors import (
    CatnapError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    SkillError,
    Unavailable,
)
from catnap.events import Event
from catnap.services.platform import Route
from tests.calls.conftest import World

TRACE = f"00-{'a' * 32}-{'b' * 16}-01"
TRIGGER = '[[triggers.events]]\nname = "on-test"\ntypes = ["test"]\n'


async def test_what_is_submitted_is_made_and_its_outcome_kept(world: World) -> None:
    task = await world.pipeline.submit(world.call(data=[1], traceparent=TRACE))
    assert task.state == "queued"
    ended = await world.pipeline.wait("acme", task.id, 10)
    assert (ended.state, ended.result, ended.attempts) == ("succeeded", b"[1]", 1)
    assert world.seen[0].extensions["traceparent"] == TRACE


async def test_a_key_submits_once_and_an_answer_waits_for_it(world: World) -> None:
    first = await world.pipeline.submit(world.call("hold", data=1, key="k"))
    again = await world.pipeline.submit(world.call("hold", data=1, key="k"))
    assert again.id == first.id
    waiting = world.begin(world.call("hold", data=1, key="k"))
    await world.at_work.acquire()
    world.go.set()
    assert (await waiting).task == first.id
    assert len(world.seen) == 1


async def test_waiting_ends_with_the_time_given_for_it(world: World) -> None:
    task = await world.pipeline.submit(world.call("hold"))
    await world.at_work.acquire()
    assert (await world.pipeline.wait("acme", task.id, 0.0)).state == "running"
    with pytest.raises(NotFound):
        await world.pipeline.wait("other", task.id, 0.0)
    world.go.set()
    ends = await asyncio.gather(*(world.pipeline.wait("acme", task.id, 10) for _ in range(5)))
    assert {each.state for each in ends} == {"succeeded"}


async def test_a_queued_task_that_is_cancelled_is_never_made(world: World) -> None:
    await world.pipeline.delivery.stop()
    task = await world.pipeline.submit(world.call())
    watching = asyncio.create_task(world.pipeline.wait("acme", task.id, 10))
    await asyncio.sleep(0)
    assert (await world.pipeline.cancel("acme", task.id)).state == "cancelled"
    assert (await watching).state == "cancelled"
    world.pipeline.delivery.start()
    other = await world.pipeline.submit(world.call())
    await world.until(other.id, "succeeded")
    assert [event.id for event in world.seen] == [other.id]


async def test_a_task_at_work_that_is_cancelled_is_broken_off(world: World) -> None:
    task = await world.pipeline.submit(world.call("hold"))
    await world.at_work.acquire()
    assert (await world.pipeline.cancel("acme", task.id)).state == "cancelled"
    while len(world.pipeline.live):
        await asyncio.sleep(0)
    assert (await world.pipeline.cancel("acme", task.id)).state == "cancelled"
    with pytest.raises(NotFound):
        await world.pipeline.cancel("other", task.id)


async def test_a_stop_breaks_off_and_the_next_start_does_it_again(world: World) -> None:
    task = await world.pipeline.submit(world.call("hold"))
    await world.at_work.acquire()
    await world.pipeline.stop()
    assert len(world.pipeline.live) == 0
    world.go.set()
    assert await world.pipeline.start() == 0, "a crash broke off none"
    ended = await world.pipeline.wait("acme", task.id, 10)
    assert (ended.state, ended.attempts) == ("succeeded", 1)
    ids = {event.extensions["taskid"] for event in world.seen}
    assert ids == {task.id}


async def test_an_error_of_our_own_is_not_counted_as_a_cancellation(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def broken(*args: object) -> AsyncIterator[None]:
        raise ZeroDivisionError("in our code")
        yield

    monkeypatch.setattr(world.platform, "deliver", broken)
    dead = await world.until((await world.pipeline.submit(world.call())).id, "dead")
    assert dead.attempts == 6
    text = world.pipeline.metrics.text().decode()
    assert 'catnap_calls_total{outcome="SkillCrashed",skill="echo"} 6.0' in text
    assert "Cancelled" not in text


async def test_a_skill_may_call_what_its_caller_may_however_the_call_came(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.skill("open", world.hold, TRIGGER)
    await world.skill("closed", world.hold, '[access]\nroles = ["auditor"]\n')
    world.go.set()
    held = list[str]()
    deliver = world.platform.deliver

    def noted(route: Route, headers: list[tuple[bytes, bytes]], body: bytes) -> Any:
        held.append(dict(headers)[b"authorization"].decode().removeprefix("Bearer "))
        return deliver(route, headers, body)

    monkeypatch.setattr(world.platform, "deliver", noted)

    async def calls_closed() -> None:
        as_skill = world.grants.verify(held.pop(), time.time()).principal()
        await world.pipeline.answer(world.call("closed", principal=as_skill))

    for roles in (("caller", "auditor"), ("caller",)):
        may = nullcontext() if "auditor" in roles else pytest.raises(PermissionDenied)
        eve = Principal("acme", "ann", frozenset(roles), "key eve")
        await world.pipeline.answer(world.call("open", principal=eve))
        with may:
            await calls_closed()
        task = await world.pipeline.submit(world.call("open", principal=eve))
        await world.until(task.id, "succeeded")
        with may:
            await calls_closed()
        [id] = (await world.event(principal=eve)).tasks  # noqa: A001
        await world.until(id, "succeeded")
        with may:
            await calls_closed()


# --- events ----------------------------------------------------------------------


async def test_an_event_calls_each_skill_whose_trigger_matches(world: World) -> None:
    await world.skill("one", world.hold, TRIGGER)
    await world.skill("two", world.hold, TRIGGER + 'filters = [{ prefix = { subject = "a/" } }]\n')
    world.go.set()
    accepted = await world.event(subject="b/file", data=b"1")
    assert accepted.matched == 1
    for id in accepted.tasks:  # noqa: A001
        assert (await world.pipeline.wait("acme", id, 10)).trigger == "on-test"
    assert (await world.event(subject="a/file")).matched == 2
    assert (await world.event("other")).tasks == []


async def test_an_event_is_accepted_once_by_source_and_id(world: World) -> None:
    await world.skill("one", world.hold, TRIGGER)
    world.go.set()
    first, again = await asyncio.gather(world.event(id="7"), world.event(id="7"))
    other = await world.event(id="7", source="/other")
    assert first.tasks == again.tasks != other.tasks
    for id in (*first.tasks, *other.tasks):  # noqa: A001
        await world.pipeline.wait("acme", id, 10)
    assert len(world.seen) == 2


async def test_a_broker_says_which_trigger_and_it_is_not_fanned_out(world: World) -> None:
    await world.skill("one", world.hold, TRIGGER)
    await world.skill("two", world.hold, TRIGGER)
    accepted = await world.event(trigger=("two", "on-test"))
    [task] = [await world.journal.get("acme", id) for id in accepted.tasks]  # noqa: A001
    assert task.skill == "two"
    for trigger in (("two", "nothing"), ("nothing", "on-test")):
        with pytest.raises(NotFound, match="nothing"):
            await world.event(trigger=trigger)
    world.go.set()


async def test_who_an_event_is_for_is_the_credentials_to_say(world: World) -> None:
    await world.skill("one", world.hold, TRIGGER)
    world.go.set()
    bob = Principal("acme", "bob", frozenset(("caller",)), "key bob")
    accepted = await world.event(extensions={"userid": "eve", "sessionid": "s", "taskid": "x"})
    task = await world.journal.get("acme", accepted.tasks[0])
    assert (task.user, task.session) == ("eve", "s")
    await world.pipeline.wait("acme", task.id, 10)
    assert world.seen[-1].extensions["taskid"] == task.id
    refused: list[tuple[dict[str, Any], type[CatnapError]]] = [
        ({"extensions": {"userid": "eve"}, "principal": bob}, PermissionDenied),
        ({"extensions": {"tenantid": "other"}}, PermissionDenied),
        ({"extensions": {"sessionid": "s" * 257}}, InvalidRequest),
        ({"depth": MAX_DEPTH + 1}, InvalidRequest),
    ]
    before = len(await world.journal.page("acme"))
    for fields, error in refused:
        with pytest.raises(error):
            await world.event(**fields)
    assert len(await world.journal.page("acme")) == before


async def test_an_event_wakes_only_what_its_sender_may_call(world: World) -> None:
    await world.skill("open", world.hold, TRIGGER)
    await world.skill("closed", world.hold, TRIGGER + '[access]\nroles = ["auditor"]\n')
    world.go.set()
    caller = Principal("acme", "bob", frozenset(("caller",)), "key bob")
    auditor = Principal("acme", "eve", frozenset(("caller", "auditor")), "key eve")
    accepted = await world.event(principal=caller)
    skills = [(await world.journal.get("acme", id)).skill for id in accepted.tasks]  # noqa: A001
    assert (accepted.matched, skills) == (1, ["open"])
    assert (await world.event(principal=auditor)).matched == 2
    with pytest.raises(PermissionDenied, match="auditor"):
        await world.event(principal=caller, trigger=("closed", "on-test"))
    assert (await world.event(principal=auditor, trigger=("closed", "on-test"))).matched == 1


async def test_an_event_that_only_wakes_what_its_sender_may_not_call_matches_nothing(
    world: World,
) -> None:
    await world.skill("closed", world.hold, TRIGGER + '[access]\nroles = ["auditor"]\n')
    accepted = await world.event()
    assert (accepted.matched, accepted.tasks) == (0, [])
    assert await world.journal.page("acme") == []
    counted = world.pipeline.metrics.registry.get_sample_value
    assert counted("catnap_events_total", {"matched": "no"}) == 1


async def test_events_of_two_users_are_two_though_source_and_id_are_the_same(
    world: World,
) -> None:
    await world.skill("one", world.hold, TRIGGER)
    world.go.set()
    ids = [
        (await world.event(id="7", extensions={"userid": each})).tasks for each in ("ada", "bob")
    ]
    users = [(await world.journal.get("acme", id)).user for [id] in ids]  # noqa: A001
    assert users == ["ada", "bob"]


async def test_a_burst_of_one_user_is_one_run_at_a_time_with_the_newest(world: World) -> None:
    await world.skill("index", world.hold, TRIGGER + 'coalesce = "user"\n')
    burst = [await world.event(data=b"%d" % n) for n in range(5)]
    [id] = {each.tasks[0] for each in burst}  # noqa: A001
    await world.at_work.acquire()
    later = [await world.event(data=b"%d" % n) for n in range(5, 8)]
    [after] = {each.tasks[0] for each in later}
    assert after != id
    world.go.set()
    await world.pipeline.wait("acme", after, 10)
    assert [event.data for event in world.seen] == [b"4", b"7"]


async def test_a_dead_letter_can_be_seen_and_sent_again(world: World) -> None:
    answers = iter([SkillError("closed"), None])

    async def moody(event: Event) -> Any:
        if error := next(answers):
            raise error
        return "open"

    await world.skill("moody", moody, TRIGGER)
    [id] = (await world.event()).tasks  # noqa: A001
    await world.until(id, "dead")
    [dead] = await world.journal.page("acme", states=["dead"])
    assert (dead.id, dead.failure and dead.failure.message) == (id, "closed")
    await world.pipeline.redrive("acme", id)
    assert (await world.pipeline.wait("acme", id, 10)).result == b'"open"'
    with pytest.raises(InvalidRequest, match="succeeded"):
        await world.pipeline.redrive("acme", id)


async def test_what_was_accepted_for_a_skill_that_is_gone_waits_and_can_be_sent_again(
    world: World,
) -> None:
    await world.skill("one", world.hold, TRIGGER)
    await world.pipeline.delivery.stop()
    ids = [*(await world.event()).tasks, (await world.pipeline.submit(world.call("one"))).id]
    await world.catalog.refresh(world.catalog._functions / "one")
    world.pipeline.delivery.start()
    for id in ids:  # noqa: A001
        dead = await world.until(id, "dead", "failed")
        assert (dead.state, dead.attempts) == ("dead", 6)
        assert dead.failure is not None
        assert dead.failure.name == "Unavailable"
        assert "no skill 'one'" in dead.failure.message
    world.go.set()
    await world.skill("one", world.hold)
    for id in ids:  # noqa: A001
        await world.pipeline.redrive("acme", id)
        await world.until(id, "succeeded")


async def test_what_a_skill_itself_does_not_find_is_final(world: World) -> None:
    async def look(event: Event) -> Any:
        raise NotFound("there is no file 'a'")

    await world.skill("look", look)
    task = await world.pipeline.submit(world.call("look"))
    failed = await world.until(task.id, "failed")
    assert (failed.attempts, failed.failure and failed.failure.name) == (1, "NotFound")


async def test_a_skill_that_goes_while_it_is_called_may_come_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = asyncio.Event()
    revision = world.catalog.revision

    async def slow(name: str, tenant: str) -> str:
        await held.wait()
        return await revision(name, tenant)

    monkeypatch.setattr(world.catalog, "revision", slow)
    waiting = world.begin(world.call())
    await asyncio.sleep(0)
    await world.catalog.refresh(world.catalog._functions / "echo")
    held.set()
    with pytest.raises(Unavailable, match="no skill 'echo'"):
        await waiting


async def test_no_attempt_is_made_once_the_deadline_has_passed(world: World) -> None:
    await world.pipeline.delivery.stop()
    task = await world.pipeline.submit(world.call(deadline=time.time() + 0.01))
    while time.time() < (task.deadline or 0):
        await asyncio.sleep(0)
    world.pipeline.delivery.start()
    ended = await world.until(task.id, "dead")
    assert ended.failure is not None
    assert ended.failure.name == "DeadlineExceeded"
    assert world.seen == []
