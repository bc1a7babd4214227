"""What sessions are promised: in memory, with real processes, and on a cluster,
where gateways agree on them in a store or one knows them by itself."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from catnap.errors import SkillCrashed
from catnap.services.traffic import parse
from tests.contract.side import Side

ASK = {"do": "env", "name": "MODE"}

SIDES = ["memory", "local", "cluster", "shared"]
pytestmark = pytest.mark.parametrize("kind", SIDES, indirect=True)


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


async def test_calls_meet_where_their_sessions_first_call_is_still_at_work(side: Side) -> None:
    await side.apply(concurrency=2)
    first = side.begin({"do": "wait"}, session="s")
    visitor = await side.desk.next()
    _, second = await side.call({}, session="s")
    visitor.go()
    assert (await first)[1].instance == second.instance
    assert side.instances() == 1


# --- splits and tags -----------------------------------------------------------------


async def split(side: Side, old: int, new: int, **options: Any) -> None:
    """Two revisions, told apart by MODE. new: percent of the one that is tagged
    `canary`. options: of both."""
    session = options.pop("session", [{}, {}])
    first = await side.apply(env={"MODE": "old"}, session=session[0], **options)
    given = side.object(env={"MODE": "new"}, session=session[1], **options)
    given["spec"]["traffic"] = [
        {"revisionName": first, "percent": old},
        {"latestRevision": True, "percent": new, "tag": "canary"},
    ]
    await side.platform.apply(given)


async def test_each_revision_has_its_own_rules_for_its_sessions(side: Side) -> None:
    rules = [{"max": 3}, {"max": 2, "idle": "3s"}]
    await split(side, 100, 0, concurrency=2, max=1, session=rules)
    canary = side.platform.tagged("acme", "actor", "canary")
    for number in range(5):
        await side.call({}, session=str(number), revision=canary)
        await side.call({}, session=str(number))
    assert side.sessions() == 3 + 2
    side.wait(4)
    assert side.sessions() == 3


async def test_a_call_by_tag_moves_no_session(side: Side) -> None:
    await split(side, 99, 1)
    canary = side.platform.tagged("acme", "actor", "canary")
    at_work = side.begin({"do": "wait"}, session="s", revision=canary)
    visitor = await side.desk.next()
    assert (await side.call(ASK, session="s"))[0] == "old"
    visitor.go()
    await at_work
    assert (await side.call(ASK, session="s"))[0] == "old"
    assert (await side.call(ASK, session="s", revision=canary))[0] == "new"


async def test_calls_by_tag_meet_at_one_instance_whatever_becomes_of_the_traffic(
    side: Side,
) -> None:
    await split(side, 100, 0, min=2)
    canary = side.platform.tagged("acme", "actor", "canary")
    calls = await asyncio.gather(*(side.call({}, session="s", revision=canary) for _ in range(9)))
    [home] = {delivery.instance for _, delivery in calls}
    await side.platform.route(
        "acme",
        "actor",
        parse(
            [
                {"revisionName": canary, "percent": 0, "tag": "canary"},
                {"revisionName": "actor-00001", "percent": 100, "tag": "stable"},
            ]
        ),
    )
    assert side.sessions() == 1
    assert (await side.call({}, session="s", revision=canary))[1].instance == home


async def test_a_restart_during_a_split_finds_each_session_at_its_revision(side: Side) -> None:
    await split(side, 50, 50)
    before = [(await side.call(ASK, session=str(n)))[0] for n in range(10)]
    assert set(before) == {"old", "new"}
    await side.restart()
    given = side.object(env={"MODE": "new"})
    await side.platform.apply(given)
    assert [(await side.call(ASK, session=str(n)))[0] for n in range(10)] == before


async def test_a_revision_that_has_its_traffic_back_keeps_its_sessions(side: Side) -> None:
    await side.apply(env={"MODE": "old"})
    at_work = side.begin({"do": "wait"}, session="s")
    visitor = await side.desk.next()
    await side.apply(env={"MODE": "new"})
    assert (await side.call(ASK, session="s"))[0] == "old"
    await side.platform.route(
        "acme", "actor", parse([{"revisionName": "actor-00001", "percent": 100}])
    )
    _, beside = await side.call(ASK, session="s")
    side.wait(40)
    assert (await side.call(ASK, session="s"))[1].instance == beside.instance
    visitor.go()
    await at_work
    assert (await side.call(ASK, session="s"))[1].instance == beside.instance
