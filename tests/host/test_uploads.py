"""Payloads that a skill reads while they arrive."""

import asyncio
import sys

import pytest

from catnap.events import Event, to_binary, to_structured
from catnap.http import MAX_BODY

SIZES = """
    import asyncio
    from collections.abc import AsyncIterator
    from catnap import CatnapError, Context, skill

    saw, go = [], asyncio.Event()

    @skill
    async def sizes(ctx: Context, request: AsyncIterator[bytes]) -> AsyncIterator[int]:
        yield 0
        try:
            async for chunk in request:
                yield len(chunk)
        except BaseException as error:
            saw.append(error)
            raise
        finally:
            go.set()
"""
TOTAL = """
    import asyncio
    from collections.abc import AsyncIterator
    from catnap import Context, skill

    waiting = []

    @skill
    async def total(ctx: Context, request: AsyncIterator[bytes]) -> list:
        size = 0
        async for chunk in request:
            size += len(chunk)
            waiting.append(getattr(request, "buffered", 0))
        return [size, ctx.event.id, ctx.event.datacontenttype, ctx.event.data]
"""
BLOCKING = """
    import threading
    from collections.abc import Iterator
    from catnap import CatnapError, Context, SkillError, skill

    saw, ended = [], threading.Event()

    @skill
    def total(ctx: Context, request: Iterator[bytes]) -> int:
        try:
            return sum(map(len, request))
        except CatnapError as error:
            saw.append(type(error).__name__)
            raise SkillError("half of it is no use") from None
        finally:
            ended.set()
"""
UNREAD = """
    from collections.abc import AsyncIterator
    from catnap import Context, skill

    @skill
    async def refuses(ctx: Context, request: AsyncIterator[bytes]) -> str:
        return "no, thank you"
"""
RAW = [(b"content-type", b"application/octet-stream")]
HEAD = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n"


class Wire:
    """A connection that is written to by hand."""

    @classmethod
    async def to(cls, running):
        self = cls()
        target = running.target
        self.reader, self.writer = await asyncio.open_connection(target.host, target.port)
        return self

    async def line(self):
        """The next line of a chunked answer, or of its head."""
        return (await self.reader.readline()).rstrip()

    async def chunk(self):
        size = int(await self.line(), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def head(self):
        return await self.reader.readuntil(b"\r\n\r\n")

    async def close(self):
        self.writer.close()
        await self.writer.wait_closed()


@pytest.fixture
async def wire(instance):
    opened = []

    async def start(code, manifest=""):
        opened.append(await Wire.to(await instance(code, manifest)))
        return opened[-1]

    yield start
    for one in opened:
        await one.close()


async def parts(count, size):
    for _ in range(count):
        yield bytes(size)


async def test_a_skill_begins_before_its_payload_is_whole(wire):
    one = await wire(SIZES)
    one.writer.write(HEAD + b"\r\n")
    assert b"200 OK" in await one.head()
    assert await one.chunk() == b"0\n"
    for size in (b"3\r\nabc\r\n", b"5\r\nabcde\r\n"):
        one.writer.write(size)
        assert await one.chunk() == b"%d\n" % (len(size) - 5)
    one.writer.write(b"0\r\n\r\n")
    assert await one.line() == b"0"


async def test_a_payload_may_be_larger_than_one_that_is_held(instance):
    running = await instance(TOTAL)
    count = MAX_BODY // 1_000_000 + 1
    body = parts(count, 1_000_000)
    reply = await running.client.request(running.target, "POST", "/", RAW, body)
    assert (await reply.read()).startswith(b"[%d," % (count * 1_000_000))


async def test_a_sender_that_is_faster_than_the_skill_is_made_to_wait(instance):
    code = TOTAL.replace("size += len(chunk)", "size += len(chunk); await asyncio.sleep(0)")
    running = await instance(code)
    body = parts(200, 100_000)
    reply = await running.client.request(running.target, "POST", "/", RAW, body)
    await reply.read()
    # What one read of the socket may bring beyond the high-water mark.
    assert max(sys.modules["main"].waiting) <= 512 * 1024


async def test_a_sender_that_waits_is_asked_when_the_skill_reads(wire):
    one = await wire(TOTAL)
    one.writer.write(HEAD + b"expect: 100-continue\r\n\r\n")
    assert await one.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
    one.writer.write(b"3\r\nabc\r\n0\r\n\r\n")
    assert b"200 OK" in await one.head()


async def test_what_a_skill_does_not_read_is_never_asked_for(wire):
    one = await wire(UNREAD)
    one.writer.write(HEAD + b"expect: 100-continue\r\n\r\n")
    head = await one.head()
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"connection: close" in head


async def test_what_a_skill_leaves_unread_ends_the_connection_after_the_answer(wire):
    one = await wire(UNREAD)
    one.writer.write(HEAD + b"\r\n" + b"3\r\nabc\r\n")
    answer = await one.reader.read()
    assert b"connection: close" in answer
    assert answer.endswith(b'"no, thank you"')


async def test_a_payload_that_breaks_a_rule_is_an_error_in_the_skill(wire):
    one = await wire(SIZES)
    one.writer.write(HEAD + b"\r\n3\r\nabc\r\nno size\r\n")
    await one.head()
    assert await one.chunk() == b"0\n"
    assert await one.chunk() == b"3\n"
    assert b"urn:catnap:error:InvalidRequest" in await one.chunk()
    [error] = sys.modules["main"].saw
    assert type(error).__name__ == "InvalidRequest"


async def test_a_sender_that_leaves_cancels_the_skill(wire):
    one = await wire(SIZES)
    one.writer.write(HEAD + b"\r\n3\r\nabc\r\n")
    await one.head()
    await one.chunk()
    await one.chunk()
    await one.close()
    await asyncio.wait_for(sys.modules["main"].go.wait(), 10)
    assert isinstance(sys.modules["main"].saw[0], asyncio.CancelledError)


async def test_the_deadline_ends_a_payload_that_does_not(wire):
    one = await wire(TOTAL)
    one.writer.write(HEAD + b"catnap-timeout: 50ms\r\n\r\n3\r\nabc\r\n")
    assert b"504" in await one.head()


async def test_a_skill_without_async_reads_a_stream_too(instance):
    running = await instance(BLOCKING)
    reply = await running.client.request(running.target, "POST", "/", RAW, parts(20, 100_000))
    assert await reply.read() == b"2000000"


async def test_a_skill_without_async_is_told_that_its_sender_has_left(wire):
    one = await wire(BLOCKING)
    one.writer.write(HEAD + b"expect: 100-continue\r\n\r\n")
    await one.head()
    one.writer.write(b"3\r\nabc\r\n")
    await one.close()
    main = sys.modules["main"]
    assert await asyncio.to_thread(main.ended.wait, 10)
    assert main.saw == ["InvalidRequest"]


async def test_a_skill_without_async_is_told_that_its_time_is_over(wire):
    one = await wire(BLOCKING)
    one.writer.write(HEAD + b"catnap-timeout: 50ms\r\n\r\n3\r\nabc\r\n")
    assert b"504" in await one.head()
    main = sys.modules["main"]
    assert await asyncio.to_thread(main.ended.wait, 10)
    assert main.saw == ["DeadlineExceeded"]


@pytest.mark.parametrize("write", [to_binary, to_structured])
async def test_an_event_s_data_is_the_stream_whatever_its_mode(instance, write):
    running = await instance(TOTAL)
    event = Event(
        id="1", source="/tests", type="test", datacontenttype="text/plain", data=b"abc" * 100
    )
    fields, body = write(event)

    async def halves():
        yield body[:100]
        yield body[100:]

    reply = await running.client.request(running.target, "POST", "/", fields, halves())
    answer = await reply.read()
    assert answer.startswith(b'[300,"1","text/plain",')


async def test_a_small_payload_is_one_chunk_and_none_is_none(instance):
    running = await instance(SIZES)
    for body, answer in ((b"abc", b"0\n3\n"), (b"", b"0\n")):
        reply = await running.send("POST", "/", RAW, body)
        assert await reply.read() == answer


HOLDING = """
    import asyncio
    from catnap import Context, skill

    go = asyncio.Event()

    @skill
    async def size(ctx: Context, request: bytes) -> int:
        await go.wait()
        return len(request)
"""
LONG = 1_000_000


async def test_most_of_a_long_body_is_read_only_when_its_call_has_a_place(instance):
    running = await instance(HOLDING, "[scale]\nconcurrency = 1")
    first = asyncio.create_task(running.send("POST", "/", RAW, b""))
    second = await Wire.to(running)
    async with asyncio.timeout(30):
        while not running.app.gate.inside:
            await asyncio.sleep(0)
        head = f"content-length: {LONG}\r\nexpect: 100-continue\r\n\r\n"
        second.writer.write(b"POST / HTTP/1.1\r\nhost: a\r\n" + head.encode())
        assert await second.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        second.writer.write(bytes(LONG // 10))
        await second.writer.drain()
        assert not running.app.gate.waiting
        second.writer.write(bytes(LONG - LONG // 10))
        while not running.app.gate.waiting:
            await asyncio.sleep(0)
    sys.modules["main"].go.set()
    assert (await first).status == 200
    assert (await second.head()).startswith(b"HTTP/1.1 200 ")
    assert await second.reader.readexactly(7) == str(LONG).encode()
    assert running.app.gate.inside == 0
    await second.close()


@pytest.mark.parametrize("length", [10, LONG])
async def test_a_body_has_to_arrive_before_the_calls_deadline(instance, length):
    running = await instance(HOLDING, "[scale]\nconcurrency = 1")
    one = await Wire.to(running)
    head = f"content-length: {length}\r\ncatnap-timeout: 50ms\r\n\r\n1"
    one.writer.write(b"POST / HTTP/1.1\r\nhost: a\r\n" + head.encode())
    assert (await one.head()).startswith(b"HTTP/1.1 504 ")
    assert running.app.gate.inside == 0
    await one.close()


async def test_a_long_body_that_is_no_event_leaves_its_place(instance):
    running = await instance(HOLDING, "[scale]\nconcurrency = 1")
    structured = [(b"content-type", b"application/cloudevents+json")]
    assert (await running.send("POST", "/", structured, bytes(LONG))).status == 400
    assert running.app.gate.inside == 0
