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
SYNC = """
    import threading
    from collections.abc import Iterator
    from contextvars import ContextVar
    from catnap import Context, SkillError, skill

    closed, held = threading.Event(), threading.Event()
    seen = ContextVar("seen", default=0)

    @skill
    def count(ctx: Context, request: str = "") -> Iterator[int]:
        try:
            if request == "early":
                raise SkillError("nothing to count")
            yield seen.get()
            seen.set(1)
            yield seen.get()
            if request == "late":
                raise ValueError("lost count")
            if request == "hang":
                held.wait()
            while request == "endless":
                yield 1
        finally:
            closed.set()
"""
OBJECTS = COUNT.format(part="Any", first='{"n": 1}', second='"two\\nlines"')
BYTES = COUNT.format(part="bytes", first='b"\\x00" * 50000', second='b"\\xff"')
SSE = (b"accept", b"text/event-stream")
ARRAY = (b"accept", b"application/json")


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


async def test_parts_are_one_array_for_whom_wants_plain_json(instance):
    running = await instance(OBJECTS)
    reply, body = await stream(running, "", ARRAY)
    assert reply.headers[b"content-type"] == b"application/json"
    assert body == b'[{"n":1},"two\\nlines"]'
    assert (await stream(running, "none", ARRAY))[1] == b"[]"


async def test_an_error_anywhere_in_an_array_has_its_own_status(instance):
    reply, body = await stream(await instance(OBJECTS), "final", ARRAY)
    assert reply.status == 422
    assert b"no further" in body


async def test_json_that_the_skill_has_written_itself_stays_in_one_line(instance):
    code = COUNT.format(part="Any", first="Raw(b'{\\r\\n \"n\":\\n1}')", second="2")
    running = await instance("    from msgspec import Raw\n" + code)
    assert (await stream(running, ""))[1] == b'{"n":1}\n2\n'
    assert (await stream(running, "", SSE))[1] == b'data: {"n":1}\n\ndata: 2\n\n'


async def test_a_first_part_that_is_no_json_is_an_error_that_ends_the_stream(instance):
    running = await instance(COUNT.format(part="Any", first="object()", second="2"))
    reply, _ = await stream(running, "")
    assert reply.status == 500
    assert sys.modules["main"].closed.is_set()


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


async def test_a_reader_that_stops_stops_the_skill(instance):
    code = """
        from collections.abc import AsyncIterator
        from catnap import Context, skill

        made = 0

        @skill
        async def endless(ctx: Context) -> AsyncIterator[bytes]:
            global made
            while True:
                made += 1
                yield bytes(1_000_000)
    """
    running = await instance(code)
    reply = await running.send("POST", "/", JSON, b"")
    made = -1
    while made != sys.modules["main"].made:
        made = sys.modules["main"].made
        for _ in range(1000):
            await asyncio.sleep(0)
    assert made < 100
    while sys.modules["main"].made == made:
        await anext(reply.body)
    reply.close()


async def test_a_client_that_leaves_ends_the_stream_and_frees_its_place(instance):
    running = await instance(OBJECTS, "[scale]\nconcurrency = 1")
    reply = await running.send("POST", "/", JSON, b'"endless"')
    await anext(reply.body)
    reply.close()
    await asyncio.wait_for(sys.modules["main"].closed.wait(), 10)
    _, body = await stream(running, "")
    assert body.startswith(b'{"n":1}\n')


async def test_a_generator_without_async_runs_in_one_context(instance):
    _, body = await stream(await instance(SYNC), "")
    assert body == b"0\n1\n"
    assert sys.modules["main"].closed.is_set()


async def test_a_generator_without_async_ends_with_its_error(instance):
    running = await instance(SYNC)
    reply, _ = await stream(running, "early")
    assert reply.status == 422
    _, body = await stream(running, "late")
    assert b"ValueError: lost count (main.py:" in body.splitlines()[-1]


async def test_a_client_that_leaves_closes_a_generator_without_async(instance):
    running = await instance(SYNC, "[scale]\nconcurrency = 1")
    reply = await running.send("POST", "/", JSON, b'"endless"')
    await anext(reply.body)
    reply.close()
    assert await asyncio.to_thread(sys.modules["main"].closed.wait, 10)
    assert (await stream(running, ""))[1] == b"0\n1\n"


async def test_a_step_that_goes_on_past_the_deadline_is_the_last(instance):
    running = await instance(SYNC, "[scale]\nconcurrency = 1")
    _, body = await stream(running, "hang", (b"catnap-timeout", b"100ms"))
    assert b"urn:catnap:error:DeadlineExceeded" in body.splitlines()[-1]
    main = sys.modules["main"]
    assert not main.closed.is_set()
    main.held.set()
    assert await asyncio.to_thread(main.closed.wait, 10)
