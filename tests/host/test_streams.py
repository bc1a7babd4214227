"""Answers in parts: their forms, their errors, their end."""

import asyncio
import sys

import msgspec
import pytest

from .conftest import JSON

COUNT = """
    import asyncio
    from collections.abc import AsyncIterator
    from typing import Any
    from catnap import Context, SkillError, skill

    closed = asyncio.Event()

    @skill
    async def count(ctx: Context, request: str = "") -> AsyncIterator[{part}]:
        try:
            if request == "early":
                raise SkillError("nothing to count")
            if request == "none":
                return
            yield {first}
            if request == "late":
                raise ValueError("lost count")
            if request == "final":
                raise SkillError("no further")
            if request == "hang":
                await asyncio.Event().wait()
            while request == "endless":
                yield {first}
            yield {second}
        finally:
            closed.set()
"""
OBJECTS = COUNT.format(part="Any", first='{"n": 1}', second='"two\\nlines"')
BYTES = COUNT.format(part="bytes", first='b"\\x00" * 50000', second='b"\\xff"')
SSE = (b"accept", b"text/event-stream")


async def stream(running, request, *headers):
    reply = await running.send("POST", "/", [*JSON, *headers], msgspec.json.encode(request))
    return reply, await reply.read()


async def test_parts_are_lines_of_json_by_default(instance):
    reply, body = await stream(await instance(OBJECTS), "")
    assert reply.headers[b"content-type"] == b"application/x-ndjson"
    assert [msgspec.json.decode(line) for line in body.splitlines()] == [{"n": 1}, "two\nlines"]


async def test_parts_are_server_sent_events_for_whom_accepts_them(instance):
    reply, body = await stream(await instance(OBJECTS), "", SSE)
    assert reply.headers[b"content-type"] == b"text/event-stream"
    assert body == b'data: {"n":1}\n\ndata: "two\\nlines"\n\n'


async def test_parts_of_bytes_are_sent_as_they_are(instance):
    reply, body = await stream(await instance(BYTES), "")
    assert reply.headers[b"content-type"] == b"application/octet-stream"
    assert body == b"\x00" * 50000 + b"\xff"


async def test_no_parts_are_an_empty_answer(instance):
    reply, body = await stream(await instance(OBJECTS), "none")
    assert (reply.status, body) == (200, b"")


async def test_an_error_before_the_first_part_has_its_own_status(instance):
    reply, body = await stream(await instance(OBJECTS), "early")
    assert reply.status == 422
    assert b"nothing to count" in body


@pytest.mark.parametrize(
    ("how", "kind", "detail"),
    [
        ("late", "SkillCrashed", "tested: ValueError: lost count (main.py:18)"),
        ("final", "SkillError", "no further"),
    ],
)
async def test_an_error_in_mid_stream_is_the_last_part(instance, how, kind, detail):
    running = await instance(OBJECTS)
    _, body = await stream(running, how)
    first, last = (msgspec.json.decode(line) for line in body.splitlines())
    assert first == {"n": 1}
    assert last["error"]["type"] == f"urn:catnap:error:{kind}"
    assert last["error"]["detail"] == detail
    _, body = await stream(running, how, SSE)
    head, data = body.partition(b"\n\n")[2].split(b"\n", 1)
    assert head == b"event: error"
    assert msgspec.json.decode(data.removeprefix(b"data: "))["detail"] == detail


async def test_an_error_between_bytes_breaks_the_answer_off(instance, caplog):
    running = await instance(BYTES)
    reply = await running.send("POST", "/", JSON, b'"late"')
    with pytest.raises(Exception, match="closed the connection"):
        await reply.read()


async def test_the_deadline_ends_a_stream_with_its_error(instance):
    running = await instance(OBJECTS)
    _, body = await stream(running, "hang", (b"catnap-timeout", b"100ms"))
    assert b"urn:catnap:error:DeadlineExceeded" in body.splitlines()[-1]
    assert sys.modules["main"].closed.is_set()


async def test_a_client_that_leaves_ends_the_stream_and_frees_its_place(instance):
    running = await instance(OBJECTS, "[scale]\nconcurrency = 1")
    reply = await running.send("POST", "/", JSON, b'"endless"')
    await anext(reply.body)
    reply.close()
    await asyncio.wait_for(sys.modules["main"].closed.wait(), 10)
    _, body = await stream(running, "")
    assert body.startswith(b'{"n":1}\n')
