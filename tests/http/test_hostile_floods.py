"""Clients that send without end: refused early, and nobody else notices."""

import asyncio
from contextlib import suppress

import pytest

from catnap.http import Request, Response

POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
ENOUGH = 1_000_000
"""Bytes after which all that has no end must have been refused."""

ENDLESS = {
    "a method": (b"", b"A", 400),
    "a target": (b"GET /", b"a", 414),
    "a query": (b"GET /?", b"a=b&", 414),
    "a URL": (b"GET http://", b"a", 414),
    "a version": (b"GET / HTTP/1.1", b"1", 400),
    "a field's name": (POST, b"a", 431),
    "a field's value": (POST + b"x: ", b"a", 431),
    "a field of spaces": (POST + b"x:", b" ", 431),
    "fields": (POST, b"x: y\r\n", 431),
    "fields of no value": (POST, b"x:\r\n", 431),
    "fields that are one list": (POST, b"accept: y\r\n", 431),
    "a length": (POST + b"content-length: ", b"0", 431),
    "a coding": (POST + b"transfer-encoding: ", b"chunked,", 400),
    "an upgrade": (POST + b"connection: upgrade\r\nupgrade: ", b"a", 431),
    "a chunk's size": (CHUNKED, b"0", 431),
    "a chunk's extension": (CHUNKED + b"1;", b"a", 431),
    "a chunk's extensions": (CHUNKED + b"1", b";a=b", 431),
    "a chunk's quoted extension": (CHUNKED + b'1;a="', b"a", 431),
    "a trailer": (CHUNKED + b"0\r\nx: ", b"a", 431),
    "trailers": (CHUNKED + b"0\r\n", b"x: y\r\n", 431),
    "empty lines": (b"", b"\r\n", 431),
    "line feeds": (b"", b"\n", 431),
    "what is no HTTP": (b"", b"\x16\x03\x01\x00", 400),
}


@pytest.mark.parametrize("piece", [100, 40_000])
@pytest.mark.parametrize(
    ("begin", "unit", "status"), [pytest.param(*what, id=name) for name, what in ENDLESS.items()]
)
async def test_what_has_no_end_is_refused_before_it_is_much(
    serve, echo, begin, unit, status, piece
):
    serving = await serve(echo)
    wire = await serving.wire()
    await wire.say(begin)
    hearing = asyncio.create_task(wire.hear())
    sent = 0
    while not hearing.done() and sent < ENOUGH:
        await wire.say(unit * (piece // len(unit)))
        sent += piece
        await asyncio.sleep(0)
    got, headers, _ = await asyncio.wait_for(hearing, 10)
    assert (got, headers[b"connection"]) == (status, b"close")
    assert sent < ENOUGH


async def test_a_head_of_just_the_limits_is_taken_and_one_more_is_not(serve):
    async def handler(request: Request) -> Response:
        return Response.text(str(len(request.headers)))

    serving = await serve(handler, header_count=10, header_bytes=2000)
    fields = b"".join(b"x%d: 1\r\n" % n for n in range(9))
    for more, status in ((b"", 200), (b"y: 1\r\n", 431)):
        wire = await serving.wire()
        await wire.say(b"GET / HTTP/1.1\r\nhost: a\r\n" + fields + more + b"\r\n")
        assert (await wire.hear())[0] == status
    for size, status in ((1900, 200), (2000, 431)):
        wire = await serving.wire()
        await wire.say(b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * size + b"\r\n\r\n")
        assert (await wire.hear())[0] == status


async def test_a_refused_client_that_sends_on_is_cut_off(serve, echo):
    serving = await serve(echo, linger=0.1)
    wire = await serving.wire()
    await wire.say(b"nonsense\r\n\r\n")
    [connection] = serving.server.connections
    with suppress(ConnectionError):
        while not connection.closed.done():
            await wire.say(bytes(100_000))
    await asyncio.wait_for(connection.closed, 10)


async def test_an_unread_answer_stops_the_reading_of_more(serve):
    taken = 0

    async def handler(request: Request) -> Response:
        nonlocal taken
        taken += 1
        return Response(200, [], bytes(100_000))

    serving = await serve(handler)
    flood, good = await serving.wire(), await serving.wire()
    flood.writer.transport.pause_reading()
    flood.writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * 10_000)
    for _ in range(300):
        await good.say(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        assert (await good.hear())[0] == 200
    assert taken - 300 < 1000


async def test_a_flood_of_wishes_for_another_protocol_is_passed_over(serve, echo):
    wire = await (await serve(echo)).wire()
    upgrade = b"GET / HTTP/1.1\r\nhost:\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
    await wire.say(upgrade * 2000)
    for _ in range(2000):
        assert (await wire.hear())[0] == 200
