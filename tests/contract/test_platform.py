"""What every side of the Platform port promises: in memory, and with real
processes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from catnap.errors import DeadlineExceeded, InvalidRequest, NotFound, SkillCrashed, SkillError
from tests.contract.side import Side

STARTING = {"start", "import", "init"}


# --- zero to one, and back -------------------------------------------------------


async def test_the_first_call_wakes_the_service_and_says_what_that_cost(side: Side) -> None:
    await side.apply()
    assert side.instances() == 0
    answer, delivery = await side.call({"n": 1})
    assert answer == {"n": 1}
    assert set(delivery.timings) == {"queue"} | STARTING
    assert side.instances() == 1


async def test_a_warm_call_waits_for_no_start(side: Side) -> None:
    await side.apply()
    _, first = await side.call({})
    _, second = await side.call({})
    assert set(second.timings) == {"queue"}
    assert second.instance == first.instance


async def test_a_hundred_first_calls_get_an_answer_each(side: Side) -> None:
    await side.apply(max=3)
    answers = await asyncio.gather(*(side.call({"n": n}) for n in range(100)))
    assert [answer["n"] for answer, _ in answers] == list(range(100))
    assert len({delivery.instance for _, delivery in answers}) <= 3


async def test_after_a_quiet_window_nothing_is_left(side: Side) -> None:
    await side.apply(window="60s", idle="10s")
    await side.call({})
    side.wait(70)
    assert side.instances() == 1
    side.wait(6)
    await side.until(instances=0)
    assert (await side.call({"again": True}))[0] == {"again": True}


async def test_the_instance_that_the_fewest_sessions_would_miss_ends_first(side: Side) -> None:
    await side.apply(concurrency=1, max=2, window="6s", idle="1h", session={"idle": "1h"})
    calls = [side.begin({"do": "wait"}, session=session) for session in ("s", "t")]
    for visitor in [await side.desk.next() for _ in calls]:
        visitor.go()
    (_, at_s), (_, at_t) = await asyncio.gather(*calls)
    assert at_s.instance != at_t.instance
    held = side.begin({"do": "wait"}, session="t")
    visitor = await side.desk.next()
    _, more = await side.call({}, session="u")
    assert more.instance == at_s.instance
    visitor.go()
    await held
    side.wait(200)
    await side.until(instances=1)
    assert (await side.call({}, session="s"))[1].instance == at_s.instance


async def test_what_is_at_work_keeps_its_instance_however_long(side: Side) -> None:
    await side.apply()
    call = side.begin({"do": "wait"})
    visitor = await side.desk.next()
    side.wait(1000)
    visitor.go()
    await call


async def test_a_minimum_is_there_before_anybody_calls_and_stays(side: Side) -> None:
    await side.apply(min=2)
    await side.until(instances=2)
    side.wait(1000)
    assert side.instances() == 2


# --- how many, and who -------------------------------------------------------------


async def test_an_instance_has_as_many_calls_as_its_concurrency(side: Side) -> None:
    await side.apply(concurrency=2, max=1)
    calls = [side.begin({"do": "wait", "as": n}) for n in range(5)]
    visitors = [await side.desk.next(), await side.desk.next()]
    assert {each.name for each in visitors} == {"0", "1"}
    await side.platform.apply(side.object(concurrency=2, max=1))
    assert side.desk.empty
    for number in (2, 3, 4):
        visitors.pop(0).go()
        visitors.append(await side.desk.next())
        assert visitors[-1].name == str(number)
        assert side.desk.empty
    for visitor in visitors:
        visitor.go()
    await asyncio.gather(*calls)


async def test_a_burst_starts_no_more_than_the_maximum(side: Side) -> None:
    await side.apply(concurrency=1, max=2)
    calls = [side.begin({"do": "wait"}) for _ in range(6)]
    at_once = [await side.desk.next() for _ in range(2)]
    for _ in calls:
        visitor = at_once.pop() if at_once else await side.desk.next()
        visitor.go()
        side.tick()
        assert side.instances() <= 2
    answered = [delivery.instance for _, delivery in await asyncio.gather(*calls)]
    assert len(set(answered)) == 2


async def test_a_session_stays_with_its_instance_and_waits_for_it(side: Side) -> None:
    await side.apply(concurrency=1, max=2, min=2)
    await side.until(instances=2)
    first = side.begin({"do": "wait", "as": "first"}, session="s")
    at_work = await side.desk.next()
    second = side.begin({"do": "wait", "as": "second"}, session="s")
    other = side.begin({"do": "wait", "as": "other"}, session="t")
    visitor = await side.desk.next()
    assert visitor.name == "other"
    visitor.go()
    await other
    assert side.desk.empty
    at_work.go()
    (await side.desk.next()).go()
    assert (await first)[1].instance == (await second)[1].instance
    assert (await other)[1].instance != (await first)[1].instance


async def test_calls_of_different_shares_never_meet(side: Side) -> None:
    await side.apply(session={"share": "user"})
    instances = [(await side.call({}, share=user))[1].instance for user in "abab"]
    assert instances[0] != instances[1]
    assert instances[2:] == instances[:2]


async def test_the_maximum_holds_over_all_shares(side: Side) -> None:
    await side.apply(max=1, session={"share": "user"})
    a = side.begin({"do": "wait", "as": "a"}, share="a")
    visitor = await side.desk.next()
    b = side.begin({"do": "wait", "as": "b"}, share="b")
    side.tick()
    assert side.desk.empty
    visitor.go()
    visitor = await side.desk.next()
    assert visitor.name == "b"
    visitor.go()
    assert (await a)[1].instance != (await b)[1].instance
    await side.until(instances=1)


async def test_shares_keep_nothing_while_nobody_calls(side: Side) -> None:
    await side.apply(min=1, session={"share": "user"})
    for user in "abc":
        await side.call({}, share=user)
    side.wait(120)
    await side.until(instances=1)


# --- revisions -----------------------------------------------------------------------


async def test_the_same_object_again_changes_nothing(side: Side) -> None:
    assert await side.apply() == "actor-00001"
    _, first = await side.call({})
    assert await side.apply() == "actor-00001"
    assert (await side.call({}))[1].instance == first.instance


async def test_a_new_revision_takes_the_new_calls_and_the_old_finishes_its_own(side: Side) -> None:
    await side.apply(env={"MODE": "old"})
    old = side.begin({"do": "wait"})
    visitor = await side.desk.next()
    assert await side.apply(env={"MODE": "new"}) == "actor-00002"
    assert (await side.call({"do": "env", "name": "MODE"}))[0] == "new"
    visitor.go()
    assert (await old)[1].instance.startswith("actor-00001-")
    await side.until(instances=1)


async def test_what_waits_at_a_revision_that_is_replaced_is_answered(side: Side) -> None:
    await side.apply(concurrency=1, max=1, env={"MODE": "old"})
    calls = [side.begin({"do": "wait", "as": n}) for n in range(3)]
    visitor = await side.desk.next()
    await side.apply(concurrency=1, max=1, env={"MODE": "new"})
    visitor.go()
    for _ in range(2):
        (await side.desk.next()).go()
    await asyncio.gather(*calls)
    await side.until(instances=0)


async def test_an_earlier_template_is_a_new_revision_again(side: Side) -> None:
    names = [await side.apply(env={"MODE": mode}) for mode in ("a", "b", "a")]
    assert names == ["actor-00001", "actor-00002", "actor-00003"]


async def test_namespaces_have_nothing_in_common(side: Side) -> None:
    await side.apply(namespace="acme", env={"MODE": "theirs"})
    await side.apply(namespace="../evil/ü", env={"MODE": "ours"})
    await side.apply(namespace="../evil/ü", env={"MODE": "newer"})
    assert [(each.namespace, each.revision) for each in side.platform.status()] == [
        ("../evil/ü", "actor-00002"),
        ("acme", "actor-00001"),
    ]
    assert (await side.call({"do": "env", "name": "MODE"}))[0] == "theirs"


async def test_a_deleted_service_is_not_found_and_finishes_what_it_has(side: Side) -> None:
    await side.apply()
    call = side.begin({"do": "wait"})
    visitor = await side.desk.next()
    await side.platform.delete("acme", "actor")
    with pytest.raises(NotFound, match="actor"):
        await side.call({})
    with pytest.raises(NotFound, match="actor"):
        await side.platform.delete("acme", "actor")
    visitor.go()
    await call
    assert await side.apply() == "actor-00001"


def _no_service(given: dict[str, Any]) -> None:
    given["kind"] = "Deployment"


def _no_container(given: dict[str, Any]) -> None:
    given["spec"]["template"]["spec"]["containers"] = []


def _no_name(given: dict[str, Any]) -> None:
    del given["metadata"]["name"]


def _unknown_annotation(given: dict[str, Any]) -> None:
    annotations = given["spec"]["template"]["metadata"]["annotations"]
    annotations["autoscaling.knative.dev/minscale"] = "1"


def _gpu(given: dict[str, Any]) -> None:
    container = given["spec"]["template"]["spec"]["containers"][0]
    container["resources"]["limits"]["nvidia.com/gpu"] = "1"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_no_service, "Deployment"),
        (_no_container, "the Service object"),
        (_no_name, "name"),
        (_unknown_annotation, "autoscaling.knative.dev/minscale"),
        (_gpu, "gpu"),
    ],
)
async def test_what_cannot_be_run_here_is_refused_and_changes_nothing(
    side: Side, spoil: Callable[[dict[str, Any]], None], said: str
) -> None:
    await side.apply()
    given = side.object(env={"MODE": "new"})
    spoil(given)
    with pytest.raises(InvalidRequest, match=said):
        await side.platform.apply(given)
    assert [each.revision for each in side.platform.status()] == ["actor-00001"]
    assert (await side.call({"do": "env", "name": "MODE"}))[0] is None


# --- what goes wrong -------------------------------------------------------------------


async def test_what_a_skill_answers_is_a_reply_whatever_its_status(side: Side) -> None:
    await side.apply()
    with pytest.raises(SkillError, match="not today"):
        await side.call({"do": "decline"})
    with pytest.raises(SkillCrashed, match="it broke"):
        await side.call({"do": "fail"})
    assert (await side.call({"n": 1}))[0] == {"n": 1}


async def test_an_instance_that_exits_crashes_its_call_and_the_next_has_another(
    side: Side,
) -> None:
    await side.apply()
    _, first = await side.call({})
    with pytest.raises(SkillCrashed, match="exited with status 7"):
        await side.call({"do": "exit"})
    _, second = await side.call({})
    assert second.instance != first.instance


async def test_who_waits_for_an_instance_that_exits_is_served_by_another(side: Side) -> None:
    await side.apply(concurrency=1, max=1)
    calls = [side.begin({"do": "exit"}), side.begin({"n": 1})]
    crash, answer = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(crash, SkillCrashed)
    assert not isinstance(answer, BaseException)
    assert answer[0] == {"n": 1}


async def test_who_waits_for_what_cannot_start_is_told_why_and_when_to_come_again(
    side: Side,
) -> None:
    await side.apply(env={"BROKEN": "yes"})
    for error in await asyncio.gather(*(side.call({}) for _ in range(3)), return_exceptions=True):
        assert isinstance(error, SkillCrashed)
        assert "it was told not to start" in error.message
    with pytest.raises(SkillCrashed, match="it was told not to start") as caught:
        await side.call({})
    assert caught.value.retry_after == pytest.approx(1.0)
    await side.until(instances=0)
    side.now += 1
    with pytest.raises(SkillCrashed) as caught:
        await side.call({})
    assert caught.value.retry_after == pytest.approx(2.0)


async def test_a_cancelled_call_cancels_the_skill_and_gives_its_place_back(side: Side) -> None:
    await side.apply(concurrency=1, max=1)
    call = side.begin({"do": "wait"})
    visitor = await side.desk.next()
    call.cancel()
    await visitor.left.wait()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert (await side.call({"n": 1}))[0] == {"n": 1}


async def test_a_call_that_leaves_the_queue_leaves_no_trace(side: Side) -> None:
    await side.apply(concurrency=1, max=1)
    first = side.begin({"do": "wait", "as": "first"})
    visitor = await side.desk.next()
    second, third = side.begin({"do": "wait", "as": "second"}), side.begin({"n": 3})
    await asyncio.sleep(0)
    second.cancel()
    visitor.go()
    await first
    assert (await third)[0] == {"n": 3}
    assert side.desk.empty


async def test_a_place_that_is_given_as_its_caller_leaves_goes_to_the_next(side: Side) -> None:
    await side.apply(concurrency=1, max=1)
    async with side.deliver({}) as held:
        await held.reply.read()
        second, third = side.begin({"n": 2}), side.begin({"n": 3})
        await asyncio.sleep(0)
    second.cancel()
    assert (await third)[0] == {"n": 3}
    assert second.cancelled() or (await second)[0] == {"n": 2}


# --- answers that take their time ------------------------------------------------------


async def test_an_answer_comes_as_it_is_made(side: Side) -> None:
    await side.apply("streamer")
    async with side.deliver({}, name="streamer") as delivery:
        parts = aiter(delivery.reply.body)
        assert await anext(parts) == b"first"
        (await side.desk.next()).go()
        assert b"".join([part async for part in parts]) == b"last"


async def test_an_answer_that_is_given_up_ends_the_skill(side: Side) -> None:
    await side.apply("streamer", concurrency=1, max=1)
    async with side.deliver({}, name="streamer") as delivery:
        assert await anext(aiter(delivery.reply.body)) == b"first"
        visitor = await side.desk.next()
    await visitor.left.wait()
    async with side.deliver({}, name="streamer") as delivery:
        (await side.desk.next()).go()
        assert await delivery.reply.read() == b"firstlast"


async def _apply_timeouts(side: Side, name: str = "actor", **timeouts: int) -> None:
    given = side.object(name, concurrency=1, max=1)
    given["spec"]["template"]["spec"] |= timeouts
    await side.platform.apply(given)


async def test_a_call_that_takes_longer_than_its_timeout_ends_with_its_name(side: Side) -> None:
    await _apply_timeouts(side, timeoutSeconds=1)
    with pytest.raises(DeadlineExceeded, match=r"timeoutSeconds of 1$"):
        await side.call({"do": "wait"})


async def test_the_time_that_a_call_waits_for_a_place_counts(side: Side) -> None:
    await _apply_timeouts(side, timeoutSeconds=6, responseStartTimeoutSeconds=3)
    async with side.deliver({}) as held:
        await held.reply.read()
        with pytest.raises(DeadlineExceeded, match=r"responseStartTimeoutSeconds of 3$"):
            await side.call({"n": 1})
    assert (await side.call({"n": 2}))[0] == {"n": 2}


async def test_an_answer_that_began_in_time_may_go_on(side: Side) -> None:
    await _apply_timeouts(side, "streamer", timeoutSeconds=60, responseStartTimeoutSeconds=1)
    async with side.deliver({}, name="streamer") as delivery:
        visitor = await side.desk.next()
        with pytest.raises(DeadlineExceeded):
            async with side.deliver({}, name="streamer"):
                pass  # it waits for the place, and so long the other has lasted
        visitor.go()
        assert await delivery.reply.read() == b"firstlast"


async def test_an_answer_that_falls_silent_is_given_up(side: Side) -> None:
    await _apply_timeouts(side, "streamer", timeoutSeconds=60, idleTimeoutSeconds=1)
    async with side.deliver({}, name="streamer") as delivery:
        visitor = await side.desk.next()
        with pytest.raises(DeadlineExceeded, match=r"idleTimeoutSeconds of 1$"):
            await delivery.reply.read()
    await visitor.left.wait()


@pytest.mark.parametrize(
    ("timeouts", "said"),
    [
        ({"timeoutSeconds": 601}, "timeoutSeconds: must be a whole number from 0 to 600"),
        ({"timeoutSeconds": -1}, "timeoutSeconds"),
        ({"timeoutSeconds": 1.5}, "timeoutSeconds"),
        (
            {"timeoutSeconds": 60, "responseStartTimeoutSeconds": 61},
            "responseStartTimeoutSeconds: must be a whole number from 0 to 60",
        ),
        ({"timeoutSeconds": 60, "idleTimeoutSeconds": 61}, "idleTimeoutSeconds"),
        ({"idleTimeoutSeconds": 301}, "idleTimeoutSeconds: must be a whole number from 0 to 300"),
    ],
)
async def test_timeouts_that_knative_would_refuse_are_refused(
    side: Side, timeouts: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        await _apply_timeouts(side, **timeouts)


async def test_close_ends_every_instance(side: Side) -> None:
    await side.apply(min=2)
    call = side.begin({"do": "wait"})
    await side.desk.next()
    call.cancel()
    await side.platform.close()
    assert side.instances() == 0
    with pytest.raises(NotFound):
        await side.call({})
