"""What sessions are promised, in memory and with real processes."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from catnap.errors import SkillCrashed
from tests.contract.side import Side


async def test_concurrent_first_calls_of_a_session_wake_one_instance_and_meet_there(
    side: Side,
) -> None:
    await side.apply(concurrency=2)
    calls = await asyncio.gather(*(side.call({"n": n}, session="s") for n in range(20)))
    assert len({delivery.instance for _, delivery in calls}) == 1
    assert side.instances() == 1


async def test_new_sessions_spread_over_the_instances(side: Side) -> None:
    await side.apply(concurrency=0, min=4, max=4)
    await side.until_ready(4)
    calls = [await side.call({}, session=str(n)) for n in range(40)]
    sessions = Counter(delivery.instance for _, delivery in calls)
    assert len(sessions) == 4
    assert max(sessions.values()) <= 13


async def test_an_instance_has_no_more_sessions_than_it_may(side: Side) -> None:
    await side.apply(concurrency=2, max=1, session={"max": 3})
    for number in range(5):
        await side.call({}, session=str(number))
    assert side.sessions() == 3


async def test_a_session_that_was_idle_for_too_long_is_a_new_one(side: Side) -> None:
    await side.apply(min=2, session={"idle": "60s"})
    await side.call({}, session="s")
    assert side.sessions() == 1
    side.wait(58)
    assert side.sessions() == 1
    side.wait(4)
    assert side.sessions() == 0


async def test_without_affinity_there_are_no_sessions(side: Side) -> None:
    await side.apply(session={"affinity": False})
    await side.call({}, session="s")
    assert side.sessions() == 0


async def test_a_session_with_a_call_at_work_stays_at_its_revision_until_that_ends(
    side: Side,
) -> None:
    await side.apply(env={"MODE": "old"})
    ask = {"do": "env", "name": "MODE"}
    at_work = side.begin({"do": "wait"}, session="busy")
    visitor = await side.desk.next()
    await side.call({}, session="idle")
    await side.apply(env={"MODE": "new"})
    assert (await side.call(ask, session="idle"))[0] == "new"
    answer, beside = await side.call(ask, session="busy")
    assert answer == "old"
    visitor.go()
    assert (await at_work)[1].instance == beside.instance
    assert (await side.call(ask, session="busy"))[0] == "new"


async def test_calls_that_overlap_for_ever_keep_a_session_for_half_a_minute(side: Side) -> None:
    await side.apply(env={"MODE": "old"})
    ask = {"do": "env", "name": "MODE"}
    at_work = side.begin({"do": "wait"}, session="s")
    visitor = await side.desk.next()
    await side.apply(env={"MODE": "new"})
    assert (await side.call(ask, session="s"))[0] == "old"
    side.wait(28)
    assert (await side.call(ask, session="s"))[0] == "old"
    side.wait(4)
    assert (await side.call(ask, session="s"))[0] == "new"
    visitor.go()
    await at_work
    assert (await side.call(ask, session="s"))[0] == "new"


async def test_a_nested_call_of_a_session_waits_for_no_place_that_its_caller_holds(
    side: Side,
) -> None:
    await side.apply(concurrency=1, max=2)
    outer = side.begin({"do": "wait"}, session="s")
    visitor = await side.desk.next()
    _, inner = await side.call({}, session="s", nested=True)
    visitor.go()
    assert (await outer)[1].instance != inner.instance
    assert (await side.call({}, session="s"))[1].instance == (await outer)[1].instance


async def test_a_call_that_names_a_revision_takes_no_session_from_another(side: Side) -> None:
    first = await side.apply(env={"MODE": "old"})
    _, home = await side.call({}, session="s")
    given = side.object(env={"MODE": "new"})
    given["spec"]["traffic"] = [
        {"revisionName": first, "percent": 50},
        {"latestRevision": True, "percent": 50},
    ]
    second = await side.platform.apply(given)
    _, aside = await side.call({}, session="s", revision=second)
    assert aside.instance != home.instance
    assert (await side.call({}, session="s"))[1].instance == home.instance


async def test_a_lost_instance_costs_the_session_one_call_at_most(side: Side) -> None:
    await side.apply()
    _, first = await side.call({}, session="s")
    with pytest.raises(SkillCrashed):
        await side.call({"do": "exit"}, session="s")
    _, second = await side.call({}, session="s")
    assert second.instance != first.instance
    assert (await side.call({}, session="s"))[1].instance == second.instance


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
