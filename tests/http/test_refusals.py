"""What is not a request: its status, its reason, and nobody else disturbed."""

import asyncio

import msgspec
import pytest

from catnap.http import Request, Response

HEAD = b"POST / HTTP/1.1\r\nhost: a\r\n"
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "status", "names"),
    [
        (b"hello\r\n\r\n", 400, "method"),
        (b"GET / HTTP/1.1\r\n\r\n", 400, "host"),
        (b"GET / HTTP/3.7\r\nhost: a\r\n\r\n", 400, "version"),
        (b"GET /a b HTTP/1.1\r\nhost: a\r\n\r\n", 400, ""),
        (b"GET /\x01 HTTP/1.1\r\nhost: a\r\n\r\n", 400, "url"),
        (b"GET / HTTP/1.1\nhost: a\n\n", 400, "CRLF"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, ""),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", 400, "CONNECT"),
        (HEAD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n", 400, "Content-Length"),
        (HEAD + b"transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n", 400, "Transfer-Encod"),
        (HEAD + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabc", 400, "Content-Length"),
        (HEAD + b"content-length: 3, 3\r\n\r\nabc", 400, "Content-Length"),
        (HEAD + b"content-length: +3\r\n\r\nabc", 400, "Content-Length"),
        (HEAD + b"content-length: -1\r\n\r\n", 400, "Content-Length"),
        (HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "transfer-encoding"),
        (HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 400, "transfer-encoding"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nzz\r\n", 400, "chunk size"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n-3\r\nabc\r\n", 400, "chunk size"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n", 400, "Chunk size"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400, "chunk"),
        (
            b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "transfer-encoding",
        ),
        (HEAD + b"x: 1\r\n folded\r\n\r\n", 400, "whitespace"),
        (HEAD + b"x : 1\r\n\r\n", 400, "header"),
        (HEAD + b"x: a\x00b\r\n\r\n", 400, "header"),
        (HEAD + b"x: a\rb\r\n\r\n", 400, "header"),
        (HEAD + b"host: b\r\n\r\n", 400, "host"),
        (HEAD + b"ce-id: 1\r\nCE-ID: 2\r\n\r\n", 400, "ce-id"),
        (HEAD + b"authorization: a\r\nauthorization: b\r\n\r\n", 400, "authorization"),
        (HEAD + b"expect: the-unexpected\r\n\r\n", 417, "expect"),
        (HEAD + b"".join(b"x%d: 1\r\n" % n for n in range(200)) + b"\r\n", 431, "128 headers"),
        (HEAD + b"x: " + b"y" * 70_000 + b"\r\n\r\n", 431, "bytes"),
        (b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", 414, "target"),
    ],
)
async def test_what_is_not_a_request_gets_its_reason_and_a_closed_connection(
    serve, echo, said, status, names
):
    wire = await (await serve(echo)).wire()
    await wire.say(said)
    got, headers, body = await wire.hear()
    problem = msgspec.json.decode(body)
    assert got == problem["status"] == status
    assert names.lower() in problem["detail"].lower()
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"connection"] == b"close"
    assert await wire.ended()


async def test_answers_before_the_bad_request_are_given_first(serve):
    gate = asyncio.Event()

    async def handler(request: Request) -> Response:
        await gate.wait()
        return Response.text("good")

    wire = await (await serve(handler)).wire()
    await wire.say(GET + GET + b"nonsense\r\n\r\n")
    gate.set()
    assert [(await wire.hear())[0] for _ in range(3)] == [200, 200, 400]
    assert await wire.ended()


async def test_a_body_over_the_limit_is_refused_to_a_client_that_is_still_sending(serve, echo):
    wire = await (await serve(echo)).wire()

    async def send() -> None:
        await wire.say(HEAD + b"content-length: 101000000\r\n\r\n")
        for _ in range(101):
            await wire.say(bytes(1_000_000))

    sending = asyncio.create_task(send())
    status, headers, body = await wire.hear()
    await sending
    assert (status, headers[b"connection"]) == (413, b"close")
    assert b"101,000,000 bytes, the limit is 100,000,000" in body
    assert await wire.ended()


async def test_a_chunked_body_over_the_limit_is_refused_while_it_comes(serve):
    async def handler(request: Request) -> Response:
        return Response(200, [], await request.body.read(1_000_000))

    wire = await (await serve(handler)).wire()
    await wire.say(HEAD + b"transfer-encoding: chunked\r\n\r\n")
    for _ in range(40):
        await wire.say(b"10000\r\n" + bytes(0x10000) + b"\r\n")
    assert (await wire.hear())[0] == 413
    assert await wire.ended()


async def test_a_header_without_end_is_refused_before_it_fills_the_memory(serve, echo):
    wire = await (await serve(echo)).wire()
    await wire.say(HEAD + b"x: ")
    hearing = asyncio.create_task(wire.hear())
    sent = 0
    while not hearing.done():
        assert sent < 10_000_000
        await wire.say(b"y" * 16_384)
        sent += 16_384
        await asyncio.wait([hearing], timeout=0.001)
    assert hearing.result()[0] == 431


@pytest.mark.parametrize("said", [b"POST / HT", HEAD, HEAD + b"content-length: 3\r\n\r\na"])
async def test_a_client_that_stops_half_way_gets_a_408(serve, echo, said):
    wire = await (await serve(echo, head=0.02, stall=0.02)).wire()
    await wire.say(said)
    assert (await wire.hear())[0] == 408
    assert await wire.ended()


async def test_a_client_that_trickles_its_headers_gets_a_408(serve, echo):
    serving = await serve(echo, head=0.05)
    wire = await serving.wire()
    await wire.say(HEAD)
    hearing = asyncio.create_task(wire.hear())
    while not hearing.done():
        await wire.say(b"x: 1\r\n")
        await asyncio.wait([hearing], timeout=0.005)
    assert hearing.result()[0] in (408, 431)


async def test_a_connection_that_says_nothing_is_closed(serve, echo):
    wire = await (await serve(echo, idle=0.02)).wire()
    assert await wire.ended()


async def test_a_refused_client_that_never_leaves_is_let_go(serve, echo):
    serving = await serve(echo, linger_stall=0.02)
    wire = await serving.wire()
    await wire.say(b"nonsense\r\n\r\n")
    await wire.hear()
    [connection] = serving.server.connections
    await asyncio.wait_for(connection.closed, 5)
    assert not serving.server.connections


async def test_slow_and_broken_clients_do_not_hold_up_others(serve, echo):
    serving = await serve(echo)
    for said in (b"", b"POST / HT", HEAD, HEAD + b"content-length: 9\r\n\r\na", b"\x00\xff"):
        await (await serving.wire()).say(said)
    wire = await serving.wire()
    await wire.say(HEAD + b"content-length: 2\r\n\r\nok")
    assert (await wire.hear())[2] == b"ok"
