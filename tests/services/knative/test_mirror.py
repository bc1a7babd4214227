"""What a mirror tells of the objects of one kind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from catnap.errors import PermissionDenied
from catnap.services.knative.api import Object
from catnap.services.knative.mirror import Key, Mirror
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

Told = dict[str, str | None]
"""Versions by name, None for what is gone."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ApiServer]:
    with running(tmp_path) as told:
        yield told


class Listener:
    def __init__(self) -> None:
        self.heard: asyncio.Queue[Told] = asyncio.Queue()

    def __call__(self, changes: Mapping[Key, Object | None]) -> None:
        self.heard.put_nowait(
            {
                name: each and each["metadata"]["resourceVersion"]
                for (_, name), each in changes.items()
            }
        )


@asynccontextmanager
async def mirrored(server: ApiServer) -> AsyncIterator[Listener]:
    mirror, listener = Mirror(server.api(), THINGS), Listener()
    mirror.listen(listener)
    await mirror.start()
    yield listener
    await mirror.close()


async def test_it_has_told_everything_there_is_once_it_has_started(server: ApiServer) -> None:
    server.answer(THINGS, listed("5", "a", "b"))
    server.answer(WATCH, Answer(events=[], then="hold"))
    async with mirrored(server) as listener:
        assert listener.heard.get_nowait() == {"a": "1", "b": "1"}


async def test_then_it_tells_each_change(server: ApiServer) -> None:
    server.answer(THINGS, listed("5", "a"))
    changes = [event("ADDED", "6", "b"), event("MODIFIED", "7", "a"), event("DELETED", "8", "b")]
    server.answer(WATCH, Answer(events=changes, then="hold"))
    async with mirrored(server) as listener:
        told = [await listener.heard.get() for _ in range(4)]
    assert told[1:] == [{"b": "6"}, {"a": "7"}, {"b": None}]


async def test_after_a_gap_it_tells_what_has_changed_and_what_is_gone(server: ApiServer) -> None:
    server.answer(THINGS, listed("5", "a", "b"), listed("9", "a", "c"))
    server.answer(WATCH, Answer(events=[failure(410, "Expired")]), Answer(events=[], then="hold"))
    async with mirrored(server) as listener:
        assert await listener.heard.get() == {"a": "1", "b": "1"}
        assert await listener.heard.get() == {"c": "1", "b": None}


async def test_what_may_not_be_read_is_said_at_the_start(server: ApiServer) -> None:
    server.answer(THINGS, Answer(403, status(403, "Forbidden", "may not list things")))
    mirror = Mirror(server.api(), THINGS)
    with pytest.raises(PermissionDenied, match="may not list things"):
        await mirror.start()
    await mirror.close()


async def test_a_listener_that_fails_ends_nothing(
    server: ApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer(THINGS, listed("5", "a"))
    server.answer(WATCH, Answer(events=[event("ADDED", "6", "b")], then="hold"))
    mirror, listener = Mirror(server.api(), THINGS), Listener()

    def fail(changes: Mapping[Key, Object | None]) -> None:
        raise ZeroDivisionError

    mirror.listen(fail)
    mirror.listen(listener)
    await mirror.start()
    assert [await listener.heard.get() for _ in range(2)] == [{"a": "1"}, {"b": "6"}]
    await mirror.close()
    assert "was not taken up" in caplog.text
