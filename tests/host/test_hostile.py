"""What a client may ask of a host's memory: little, however much it sends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from .hostile.host import PROC, Host, hosting

pytestmark = pytest.mark.skipif(not PROC, reason="memory is looked up in /proc")

MiB = 1 << 20
POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
LIMIT = 100_000_000

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    with hosting(tmp_path) as one:
        yield one
        assert not one.logged()


@pytest.fixture
async def connect(host: Host) -> AsyncIterator[Connect]:
    writers: list[asyncio.StreamWriter] = []

    async def one() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_unix_connection(host.path)
        writers.append(writer)
        return reader, writer

    yield one
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def status(reader: asyncio.StreamReader) -> int:
    """Of the next answer, whose body is read as well."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    length = re.search(rb"content-length: (\d+)", head)
    assert length
    await reader.readexactly(int(length[1]))
    return int(head.split()[1])


async def works(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(POST + b'content-length: 24\r\n\r\n{"text":"","numbers":[]}')
    assert await status(reader) == 200
    writer.close()


async def test_a_gigabyte_in_chunks_is_refused_at_the_limit_and_the_rest_is_not_kept(host, connect):
    reader, writer = await connect()
    before = host.resident
    writer.write(CHUNKED)
    refused = asyncio.create_task(status(reader))
    sent = refused_at = 0
    try:
        while sent < 1_000_000_000:
            writer.write(b"100000\r\n" + bytes(MiB) + b"\r\n")
            await writer.drain()
            sent += MiB
            if refused.done() and not refused_at:
                refused_at = sent
    except ConnectionError:
        pass  # it need not listen to the end
    assert await refused == 413
    assert LIMIT <= refused_at < LIMIT + 16 * MiB
    assert host.peak < before + LIMIT + 32 * MiB
    assert host.resident < before + 16 * MiB
    await works(connect)


@pytest.mark.parametrize("expect", [b"", b"expect: 100-continue\r\n"])
async def test_a_length_over_the_limit_is_refused_before_the_body(connect, expect):
    reader, writer = await connect()
    writer.write(POST + expect + b"content-length: %d\r\n\r\n" % (LIMIT + 1))
    assert await status(reader) == 413
    assert await reader.read() == b""


@pytest.mark.parametrize("size", [1, 2])
async def test_a_million_tiny_chunks_cost_what_their_bytes_do(host, connect, size):
    reader, writer = await connect()
    before = host.resident
    writer.write(CHUNKED)
    for _ in range(100):
        writer.write(b"%d\r\n%b\r\n" % (size, b" " * size) * 10_000)
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    assert await status(reader) == 400  # it is no JSON
    assert host.peak < before + 16 * MiB


async def test_requests_without_end_whose_answers_nobody_reads_wait_outside(host, connect):
    before, count = host.resident, 20
    await asyncio.gather(*(_flood(connect) for _ in range(count)))
    assert host.resident < before + 2 * count * MiB
    await works(connect)


async def _flood(connect: Connect) -> None:
    """A connection that sends requests until the host takes no more."""
    _, writer = await connect()
    writer.transport.pause_reading()  # type: ignore[attr-defined] # which a reader does
    writer.transport.set_write_buffer_limits(0)
    for _ in range(100):
        writer.write(b"GET / HTTP/1.1\r\nhost:\r\n\r\n" * 1000)
        try:
            await asyncio.wait_for(writer.drain(), 0.2)
        except TimeoutError:
            return
    pytest.fail("it takes all that comes")


async def test_a_flood_of_requests_is_answered_to_the_last_by_one_who_reads(connect):
    count = 20_000
    reader, writer = await connect()
    get = b"GET / HTTP/1.1\r\nhost:\r\n\r\n"

    async def send() -> None:
        for _ in range(count // 1000):
            writer.write(get * 1000)
            await writer.drain()
        writer.write(get[:-2] + b"connection: close\r\n\r\n")

    sending = asyncio.create_task(send())
    heard = await asyncio.wait_for(reader.read(-1), 60)
    await sending
    assert heard.count(b"HTTP/1.1 405 ") == count + 1


async def test_who_is_slow_to_send_takes_no_place_from_others(connect):
    slow = []
    for _ in range(50):
        reader, writer = await connect()
        writer.write(CHUNKED + b"1\r\n")
        slow.append(asyncio.ensure_future(reader.read(1)))
    await works(connect)
    assert not any(each.done() for each in slow), "it was let go first"
    for each in slow:
        each.cancel()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_connections_that_come_and_go_leave_nothing_open(host, connect):
    await works(connect)
    before = host.descriptors
    for said in (
        b"",
        b"POST / HT",
        CHUNKED,
        CHUNKED + b"1\r\n",
        POST + b"content-length: 9\r\n\r\n",
    ):
        writers = [(await connect())[1] for _ in range(50)]
        for writer in writers:
            writer.write(said)
        await works(connect)
        for writer in writers:
            writer.transport.abort()
    for _ in range(100):
        await works(connect)
        if host.descriptors <= before:
            return
    pytest.fail(f"{host.descriptors - before} descriptors are left open")
