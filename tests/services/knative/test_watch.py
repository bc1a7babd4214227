from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from catnap.errors import NotFound, PermissionDenied
from catnap.services.knative.watch import Change, Snapshot, pause, watch
from tests.services.knative.apiserver import (
    Answer,
    ApiServer,
    event,
    failure,
    listed,
    running,
    status,
)

THINGS = "/api/v1/things"
WATCH = f"{THINGS}?watch"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with running(tmp_path) as told:
        yield told


def watched(*events: bytes, then: str = "hold") -> Answer:
    return Answer(events=events, then=then)


async def seen(server: ApiServer, count: int) -> list[tuple[str, ...]]:
    """The first so many, as `("=", names...)` or `("ADDED", name)`."""
    found: list[tuple[str, ...]] = []
    async with aclosing(watch(server.api(), THINGS, retry=0.001)) as stream:
        async for each in stream:
            found.append(_short(each))
            if len(found) == count:
                break
    return found


def _short(each: Snapshot | Change) -> tuple[str, ...]:
    if isinstance(each, Snapshot):
        return ("=", *(thing["metadata"]["name"] for thing in each.objects))
    return (each.type, each.object["metadata"]["name"])


def versions(server: ApiServer) -> list[str]:
    """Where each watch began."""
    return [each.query["resourceVersion"] for each in server.asked if "watch" in each.query]


async def test_it_gives_what_there_is_and_then_each_change(server: ApiServer) -> None:
    server.answer(THINGS, listed("5", "a", "b"))
    server.answer(
        WATCH,
        watched(event("ADDED", "6", "c"), event("MODIFIED", "7", "a") + event("DELETED", "8", "b")),
    )
    changes = [("ADDED", "c"), ("MODIFIED", "a"), ("DELETED", "b")]
    assert await seen(server, 4) == [("=", "a", "b"), *changes]
    assert versions(server) == ["5"]


async def test_objects_of_a_snapshot_say_what_they_are(server: ApiServer) -> None:
    server.answer(THINGS, listed("5", "a"))
    async with aclosing(watch(server.api(), THINGS)) as stream:
        first = await anext(stream)
    assert isinstance(first, Snapshot)
    assert (first.objects[0]["apiVersion"], first.objects[0]["kind"]) == ("v1", "Thing")


@pytest.mark.parametrize("then", ["end", "cut"])
async def test_it_goes_on_where_a_connection_ended(server: ApiServer, then: str) -> None:
    server.answer(THINGS, listed("5"))
    server.answer(
        WATCH,
        watched(event("ADDED", "6", "a"), then=then),
        watched(event("ADDED", "9", "b")),
    )
    assert await seen(server, 3) == [("=",), ("ADDED", "a"), ("ADDED", "b")]
    assert versions(server) == ["5", "6"]


async def test_a_bookmark_moves_where_it_goes_on(server: ApiServer) -> None:
    server.answer(THINGS, listed("5"))
    server.answer(
        WATCH, watched(event("BOOKMARK", "70"), then="end"), watched(event("ADDED", "71", "a"))
    )
    assert await seen(server, 2) == [("=",), ("ADDED", "a")]
    assert versions(server) == ["5", "70"]


@pytest.mark.parametrize(
    "gone",
    [
        watched(failure(410, "Expired"), then="end"),
        Answer(410, status(410, "Expired", "too old resource version")),
    ],
    ids=["in the stream", "as the answer"],
)
async def test_what_is_too_old_to_go_on_from_begins_anew(server: ApiServer, gone: Answer) -> None:
    server.answer(THINGS, listed("5", "a"), listed("90", "b"))
    server.answer(WATCH, gone, watched(event("ADDED", "91", "c")))
    assert await seen(server, 3) == [("=", "a"), ("=", "b"), ("ADDED", "c")]
    assert versions(server) == ["5", "90"]


async def test_an_event_cut_in_two_is_not_taken_for_one(server: ApiServer) -> None:
    whole = event("ADDED", "6", "a")
    server.answer(THINGS, listed("5"))
    server.answer(
        WATCH,
        watched(whole[:20], then="cut"),
        watched(whole[:20], whole[20:]),
    )
    assert await seen(server, 2) == [("=",), ("ADDED", "a")]
    assert versions(server) == ["5", "5"]


async def test_a_server_that_fails_for_a_while_is_asked_again(server: ApiServer) -> None:
    broken = Answer(500, status(500, "InternalError", "etcd has no leader"))
    server.answer(THINGS, broken, broken, listed("5"))
    server.answer(WATCH, broken, watched(event("ADDED", "6", "a")))
    assert await seen(server, 2) == [("=",), ("ADDED", "a")]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(403, status(403, "Forbidden", "cannot list resource things")), PermissionDenied),
        (Answer(404, status(404, "NotFound", "no such kind")), NotFound),
    ],
)
async def test_what_no_repeat_mends_is_told_at_once(
    server: ApiServer, answer: Answer, error: type[Exception]
) -> None:
    server.answer(THINGS, answer)
    with pytest.raises(error, match=r"things|kind"):
        await seen(server, 1)


async def test_a_right_that_is_lost_later_does_not_end_it(server: ApiServer) -> None:
    server.answer(THINGS, listed("5"))
    denied = Answer(403, status(403, "Forbidden", "not now"))
    server.answer(WATCH, denied, watched(event("ADDED", "6", "a")))
    assert await seen(server, 2) == [("=",), ("ADDED", "a")]


async def test_closing_it_ends_the_connection_though_nothing_arrives(server: ApiServer) -> None:
    server.answer(THINGS, listed("5"))
    server.answer(WATCH, watched(event("ADDED", "6", "a")))
    assert len(await seen(server, 2)) == 2
    assert server.left.wait(10)


async def test_the_label_selector_goes_with_both_requests(server: ApiServer) -> None:
    server.answer(THINGS, listed("5"))
    server.answer(WATCH, watched(event("ADDED", "6", "a")))
    stream: AsyncIterator[Snapshot | Change] = watch(server.api(), THINGS, labels="x=y")
    async with aclosing(stream):  # type: ignore[type-var]
        await anext(stream)
        await anext(stream)
    assert [each.query["labelSelector"] for each in server.asked] == ["x=y", "x=y"]


def test_the_pause_doubles_up_to_a_bound_and_is_spread() -> None:
    assert [pause(n, 1.0, 1.0) for n in (1, 2, 3, 4, 5, 6, 400)] == [1, 2, 4, 8, 16, 30, 30]
    assert pause(1, 1.0, 0.0) == 0.5
