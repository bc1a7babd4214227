"""Events: accepted once, kept, delivered, retried, dead, and sent again."""

from __future__ import annotations

import json
from collections.abc import Callable

from catnap.client import Client, TaskState
from tests.platform.running import Running


async def send(platform: Running, kind: str, id: str, data: object, **more: str) -> dict:  # noqa: A002
    """Answers what the gateway answered, once it accepted the event."""
    headers = {"ce-specversion": "1.0", "ce-id": id, "ce-source": "/test", "ce-type": kind}
    headers |= {f"ce-{name}": value for name, value in more.items()}
    status, _, body = await platform.request("POST", "/events", data, headers)
    assert status == 202, body
    return json.loads(body)


def kept(client: Client, user: str = "default") -> set[str]:
    return {file.key.removeprefix("kept/") for file in client.files.list("kept/", user=user)}


async def test_an_event_wakes_the_skill_it_matches_for_its_user(platform: Running) -> None:
    accepted = await send(platform, "test.keep", "wake", {}, userid="ada")
    with platform.client() as client:
        task = client.tasks.wait(accepted["tasks"][0], timeout=30)
        assert (task.state, task.user, task.trigger) == ("succeeded", "ada", "keep")
        assert "wake" in kept(client, "ada")
        assert "wake" not in kept(client, "bob")


async def test_an_event_that_nobody_wants_is_accepted_and_counted(platform: Running) -> None:
    assert await send(platform, "nobody.cares", "1", {}) == {"matched": 0, "tasks": []}
    _, _, text = await platform.request("GET", "/metrics")
    assert b'catnap_events_total{matched="no"}' in text


async def test_an_event_sent_twice_is_accepted_once(platform: Running) -> None:
    first = await send(platform, "test.keep", "twice", {})
    assert await send(platform, "test.keep", "twice", {}) == first
    with platform.client() as client:
        client.tasks.wait(first["tasks"][0], timeout=30)
        assert len(list(client.files.list("attempts/twice/"))) == 1


async def test_a_delivery_that_fails_is_made_again_under_the_same_task(platform: Running) -> None:
    accepted = await send(platform, "test.keep", "again", {"fail": 2})
    with platform.client() as client:
        task = client.tasks.wait(accepted["tasks"][0], timeout=60)
        assert (task.state, task.attempts) == ("succeeded", 3)
        ids = {client.files.get(f.key).read() for f in client.files.list("attempts/again/")}
        assert ids == {task.id.encode()}


async def test_what_failed_six_times_is_a_dead_letter_that_can_be_sent_again(
    platform: Running,
) -> None:
    accepted = await send(platform, "test.keep", "dead", {"fail": 6})
    with platform.client() as client:
        task = client.tasks.wait(accepted["tasks"][0], timeout=60)
        assert (task.state, task.attempts) == ("dead", 6)
        assert str(task.error) == "not yet"
        assert task.id in {each.id for each in client.tasks.list(states=[TaskState.DEAD])}
        client.tasks.redrive(task.id)
        assert client.tasks.wait(task.id, timeout=60).state == "succeeded"
        assert "dead" in kept(client)


async def test_a_broker_names_the_trigger_and_is_not_fanned_out(platform: Running) -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "b", "ce-source": "/broker", "ce-type": "any"}
    status, _, body = await platform.request("POST", "/events/keeper/keep", {}, headers)
    assert (status, json.loads(body)["matched"]) == (202, 1)
    status, _, body = await platform.request("POST", "/events/keeper/none", {}, headers)
    assert status == 400, "a Broker would repeat a 404"
    assert b"no trigger" in body


async def test_a_burst_of_file_events_becomes_few_deliveries(platform: Running) -> None:
    with platform.client() as client:
        for number in range(40):
            client.files.put(f"notes/{number}", b"text", user="burst")
        tasks = list(client.tasks.list(skill="keeper", user="burst"))
        for task in tasks:
            assert client.tasks.wait(task.id, timeout=60).state == "succeeded"
        seen = [
            client.files.get(f.key, user="burst").read()
            for f in client.files.list("seen/", user="burst")
        ]
    assert b"40" in seen, "the last delivery sees everything"
    assert len(tasks) < 20


async def test_what_was_accepted_is_delivered_after_a_kill(
    start: Callable[..., Running],
) -> None:
    platform = start(skills=["keeper"])
    accepted = [await send(platform, "test.keep", f"kill-{n}", {}) for n in range(20)]
    platform.kill()
    platform.start()
    with platform.client() as client:
        for each in accepted:
            assert client.tasks.wait(each["tasks"][0], timeout=60).state == "succeeded"
        assert kept(client) == {f"kill-{n}" for n in range(20)}


def test_a_circle_of_events_ends(platform: Running) -> None:
    with platform.client() as client:
        client.files.put("circle/0", b"", user="circle")
        ended = -1
        tasks = list(client.tasks.list(skill="circle"))
        while len(tasks) > ended:
            ended = len(tasks)
            for task in tasks:
                client.tasks.wait(task.id, timeout=60)
            tasks = list(client.tasks.list(skill="circle"))
    assert len(tasks) == 17
    assert "16 deep" in str(tasks[0].error)


async def test_a_batch_is_delivered_event_by_event(platform: Running) -> None:
    envelope = {"specversion": "1.0", "source": "/test", "type": "test.keep", "data": {}}
    batch = [{**envelope, "id": "batch-1"}, {**envelope, "id": "batch-2", "type": "nobody.cares"}]
    headers = {"content-type": "application/cloudevents-batch+json"}
    status, _, body = await platform.request("POST", "/events", batch, headers)
    first, second = json.loads(body)["events"]
    assert (status, second) == (202, {"matched": 0, "tasks": []})
    with platform.client() as client:
        assert client.tasks.wait(first["tasks"][0], timeout=30).state == "succeeded"
        assert "batch-1" in kept(client)
