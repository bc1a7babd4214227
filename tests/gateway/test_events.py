"""Batches at POST /events: all of one or none, and each event as if alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from catnap.events import Event, to_batch, to_binary
from catnap.events.limits import MAX_BATCH_BYTES
from tests.gateway.local import ACME
from tests.gateway.world import World, running

KEEPER = Path(__file__).parents[1] / "platform" / "functions" / "keeper"
NOTHING = {"matched": 0, "tasks": []}

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Sending(World):
    async def post(
        self, body: bytes, *, path: str = "/events", key: str = ACME, user: str = ""
    ) -> tuple[int, dict]:
        kind = "application/cloudevents-batch+json"
        answer = await self.request(
            "POST", path, body, key=key, content_type=kind, catnap_user=user
        )
        return answer.status, answer.json

    async def send(self, *events: Event, **how: str) -> tuple[int, dict]:
        return await self.post(to_batch(events)[1], **how)

    async def recorded(self) -> int:
        return len(await self.gateway.journal.page("acme", limit=1000))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sending]:
    async with running(tmp_path_factory.mktemp("gateway"), KEEPER) as world:
        yield Sending(**vars(world))


def event(id: str, kind: str = "test.keep", **extensions: str) -> Event:  # noqa: A002
    return Event(
        id=id,
        source="/batch",
        type=kind,
        datacontenttype="application/json",
        extensions=extensions,
        data=b"{}",
    )


async def test_the_answer_says_what_came_of_each_event_in_its_place(world: Sending) -> None:
    status, said = await world.send(
        event("1", userid="ada"), event("2", "nobody.cares"), event("3", userid="bob")
    )
    assert status == 202
    first, second, third = said["events"]
    assert second == NOTHING
    for accepted, user in ((first, "ada"), (third, "bob")):
        [task] = accepted["tasks"]
        assert accepted["matched"] == 1
        assert (await world.gateway.journal.get("acme", task)).user == user


async def test_an_event_is_accepted_once_in_a_batch_in_another_and_alone(world: Sending) -> None:
    _, said = await world.send(event("once"), event("once"))
    first, second = said["events"]
    assert first == second
    assert (await world.send(event("once")))[1]["events"] == [first]


@pytest.mark.parametrize(
    ("second", "status", "reason"),
    [
        ({"source": ""}, 400, "event 1 of the batch: CloudEvent attribute 'source'"),
        ({"tenantid": "rival"}, 403, "event 1 of the batch: the event is for tenant 'rival'"),
        ({"sessionid": "x" * 300}, 400, "event 1 of the batch: session"),
    ],
)
async def test_nothing_of_a_batch_is_accepted_where_one_event_is_refused(
    world: Sending, second: dict, status: int, reason: str
) -> None:
    before = await world.recorded()
    good, bad = json.loads(to_batch([event("good"), event("bad")])[1])
    found, problem = await world.post(json.dumps([good, {**bad, **second}]).encode())
    assert (found, problem["detail"].startswith(reason)) == (status, True), problem
    assert await world.recorded() == before


async def test_an_empty_batch_is_accepted_from_whoever_may_send_events(world: Sending) -> None:
    assert await world.send() == (202, {"events": []})
    assert (await world.send(key="nobody"))[0] == 401


async def test_the_user_of_a_request_is_the_user_of_its_events(world: Sending) -> None:
    _, said = await world.send(event("user"), user="eve")
    [task] = said["events"][0]["tasks"]
    assert (await world.gateway.journal.get("acme", task)).user == "eve"


async def test_a_batch_that_is_too_large_is_refused_before_it_is_read(world: Sending) -> None:
    status, problem = await world.post(b"[]".ljust(MAX_BATCH_BYTES + 1))
    assert (status, problem["title"]) == (413, "Payload too large")


@pytest.mark.parametrize("path", ["/events/keeper/keep", "/skills/keeper"])
async def test_a_batch_is_taken_nowhere_else(world: Sending, path: str) -> None:
    status, problem = await world.send(event("elsewhere"), path=path)
    assert (status, "send one event a request" in problem["detail"]) == (400, True)


async def test_an_event_that_could_not_be_delivered_is_not_accepted(world: Sending) -> None:
    headers, body = to_binary(event("long", x="v" * 50_000))
    sent = [*headers, (b"authorization", f"Bearer {ACME}".encode())]
    reply = await world.client.request(world.where, "POST", "/events", sent, body)
    assert reply.status == 400
    assert b"'x': too long with the others" in await reply.read()
