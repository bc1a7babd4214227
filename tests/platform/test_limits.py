"""Limits of a platform that is killed and of one that stops."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import msgspec

from catnap.client import TaskState
from tests.platform.running import Running

LIMIT = {"tenant": "default", "daily_calls": 12}


async def _calls(platform: Running, count: int) -> Counter[int]:
    """By status, of so many calls at once."""
    asked = (platform.request("POST", "/skills/echo", {}) for _ in range(count))
    return Counter(status for status, _, _ in await asyncio.gather(*asked))


async def _used(platform: Running) -> int:
    _, _, said = await platform.request("GET", "/usage")
    return sum(each["calls"] for each in msgspec.json.decode(said)["used"])


async def test_a_day_goes_on_after_kill_9_where_usage_said_it_was(
    start: Callable[..., Running],
) -> None:
    platform = start(skills=["echo"])
    assert (await platform.request("PUT", "/limits", LIMIT))[0] == 200
    assert await _calls(platform, 5) == {200: 5}
    assert await _used(platform) == 5
    assert await _calls(platform, 2) == {200: 2}  # which may be in the slice that is lost
    platform.kill()
    platform.start()
    found = await _used(platform)
    assert 5 <= found <= 7
    assert await _calls(platform, 15) == {200: 12 - found, 429: 3 + found}
    assert platform.stop() == 0
    platform.start()
    assert await _calls(platform, 3) == {429: 3}
    assert await _used(platform) == 12


async def test_events_that_come_too_fast_are_all_delivered_in_the_end(
    start: Callable[..., Running],
) -> None:
    platform = start(skills=["keeper"])
    limit = {"tenant": "default", "skill": "*", "rate": 20, "burst": 2, "concurrent": 2}
    assert (await platform.request("PUT", "/limits", limit))[0] == 200
    event = {"specversion": "1.0", "source": "/test", "type": "test.keep", "data": {}}
    events = [{**event, "id": f"e{number}"} for number in range(20)]
    kind = {"content-type": "application/cloudevents-batch+json"}
    status, _, said = await platform.request(
        "POST", "/events", msgspec.json.encode(events), headers=kind
    )
    assert status == 202
    tasks = [task for each in msgspec.json.decode(said)["events"] for task in each["tasks"]]
    assert len(tasks) >= 20
    with platform.client() as client:
        ended = [client.tasks.wait(task, 60) for task in tasks]
    assert {(task.state, task.attempts) for task in ended} == {(TaskState.SUCCEEDED, 1)}
