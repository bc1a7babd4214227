"""A thousand clients that take their time, and one that does not."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from catnap.http import Request, Response
from tests.http.conftest import Serving, Wire

EACH = 125
POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
DESCRIPTORS = Path("/dev/fd")


@pytest.fixture
def many_files() -> Iterator[None]:
    """Both ends of every connection are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 16 * EACH + 500
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"only {hard} files may be open at once")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def nothing(wire: Wire) -> None: ...


async def half_a_line(wire: Wire) -> None:
    await wire.say(b"POST / HT")


async def endless_head(wire: Wire) -> None:
    await wire.say(POST)
    while not wire.reader.at_eof():
        await wire.say(b"x: y\r\n")
        await asyncio.sleep(0.1)


async def half_a_body(wire: Wire) -> None:
    await wire.say(POST + b"content-length: 3\r\n\r\na")


async def half_a_chunk(wire: Wire) -> None:
    await wire.say(POST + b"transfer-encoding: chunked\r\n\r\n2\r\na")


async def one_request(wire: Wire) -> None:
    await wire.say(GET)


async def two_and_a_half(wire: Wire) -> None:
    await wire.say(GET + GET + POST)


SLOW = {
    nothing: [],
    half_a_line: [408],
    endless_head: [408],
    half_a_body: [408],
    half_a_chunk: [408],
    one_request: [200],
    two_and_a_half: [200, 200, 408],
}


async def statuses(wire: Wire) -> list[int]:
    """Of all answers, until the server closes."""
    found = []
    while not wire.reader.at_eof():
        try:
            found.append((await wire.hear())[0])
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
    return found


async def take(serving: Serving, slow) -> list[int]:
    wire = await serving.wire()
    saying = asyncio.create_task(slow(wire))
    try:
        return await statuses(wire)
    finally:
        saying.cancel()
        await asyncio.wait([saying])


async def take_nothing(serving: Serving) -> None:
    """Asks for all there is and reads none of it."""
    wire = await serving.wire()
    wire.writer.transport.pause_reading()
    await wire.say(b"GET /endless HTTP/1.1\r\nhost: a\r\n\r\n")


async def test_a_thousand_slow_clients_are_let_go_and_a_quick_one_never_waits(many_files, serve):
    closed = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            while True:
                yield bytes(50_000)
        finally:
            closed += 1

    async def handler(request: Request) -> Response:
        await request.body.read()
        return Response(200, [], endless() if request.path == "/endless" else b"")

    serving = await serve(handler, idle=4, head=1, stall=1, linger=1, linger_stall=1)
    quick = await serving.wire()
    await quick.say(GET)
    await quick.hear()
    before = len(list(DESCRIPTORS.iterdir()))
    await asyncio.gather(*(take_nothing(serving) for _ in range(EACH)))
    slow = [asyncio.create_task(take(serving, kind)) for kind in SLOW for _ in range(EACH)]
    while len(serving.server.connections) > 1 or not all(task.done() for task in slow):
        await quick.say(GET)
        status, _, _ = await asyncio.wait_for(quick.hear(), 10)
        assert status == 200
    assert [task.result() for task in slow] == [said for said in SLOW.values() for _ in range(EACH)]
    assert closed == EACH
    for wire in serving.wires:
        if wire is not quick:
            wire.writer.transport.abort()
    await asyncio.sleep(0)
    assert len(list(DESCRIPTORS.iterdir())) <= before
