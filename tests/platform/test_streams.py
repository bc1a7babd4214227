"""Answers that come in parts, on the real platform."""

from __future__ import annotations

import json

import pytest

from catnap.client import TaskState
from catnap.errors import CatnapError
from tests.platform.running import Running


def test_a_streamed_answer_reaches_a_grpc_client_in_parts(platform: Running) -> None:
    with platform.client() as client, client.stream("counting", {"to": 3}) as answer:
        assert [json.loads(line) for line in answer.read().splitlines()] == [0, 1, 2]
        assert answer.head.instance.startswith("counting-")


async def test_an_http_client_gets_server_sent_events_or_lines_as_it_accepts(
    platform: Running,
) -> None:
    for accept, expected in (
        ("text/event-stream", b"data: 0\n\ndata: 1\n\n"),
        ("application/x-ndjson", b"0\n1\n"),
    ):
        headers = {"accept": accept}
        status, sent, body = await platform.request("POST", "/skills/counting", {"to": 2}, headers)
        assert (status, sent["content-type"].partition(";")[0]) == (200, accept)
        assert body.endswith(expected) or expected in body
        assert sent["catnap-task"]


async def test_a_caller_that_does_not_stream_gets_all_of_it_at_once(platform: Running) -> None:
    status, _, body = await platform.request("POST", "/skills/counting", {"to": 3})
    assert (status, body.split()) == (200, [b"0", b"1", b"2"])


def test_a_skill_that_calls_one_that_streams_gets_its_parts_as_a_list(platform: Running) -> None:
    with platform.client() as client:
        answer = client.invoke("typed", {"call": "counting", "payload": {"to": 3}})
        assert answer.json() == [0, 1, 2]


def test_a_client_that_leaves_ends_the_call(platform: Running) -> None:
    with platform.client() as client:
        with client.stream("counting", {"to": 1, "then": "hang"}) as answer:
            task = answer.head.task
        assert client.tasks.wait(task, timeout=20).state is TaskState.CANCELLED


def test_a_stream_that_never_ends_meets_its_deadline(platform: Running) -> None:
    with (
        platform.client() as client,
        pytest.raises(CatnapError) as caught,
        client.stream("counting", {"to": 1, "then": "hang"}, timeout=1) as answer,
    ):
        answer.read()
    assert caught.value.http == 504
