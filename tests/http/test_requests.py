"""What is a request, and in which order requests are answered."""

import asyncio
from unittest.mock import ANY

import pytest

from catnap.http import Request, Response

POST = b"POST /%d HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n%b"


async def test_pipelined_requests_are_answered_in_their_order(serve):
    gate = asyncio.Event()

    async def handler(request: Request) -> Response:
        if request.path == "/0":
            await gate.wait()
        return Response.text(request.path)

    wire = await (await serve(handler)).wire()
    await wire.say(b"".join(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % n for n in range(40)))
    gate.set()
    assert [(await wire.hear())[2] for _ in range(40)] == [b"/%d" % n for n in range(40)]


async def test_a_connection_is_kept_for_the_next_request(serve, echo):
    serving = await serve(echo)
    wire = await serving.wire()
    for n in range(3):
        await wire.say(POST % (n, b"abc"))
        assert (await wire.hear())[2] == b"abc"
    assert len(serving.server.connections) == 1


async def test_a_request_may_come_one_byte_at_a_time(serve, echo):
    wire = await (await serve(echo)).wire()
    for byte in POST % (1, b"xyz"):
        await wire.say(bytes((byte,)))
    assert (await wire.hear())[2] == b"xyz"


async def test_a_chunked_body_arrives_whole(serve, echo):
    wire = await (await serve(echo)).wire()
    await wire.say(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n")
    await wire.say(b"3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\n\r\n")
    assert (await wire.hear())[2] == b"abcdefg"


async def test_trailers_do_not_become_headers_of_the_next_request(serve):
    async def handler(request: Request) -> Response:
        await request.body.read()
        return Response.text(str(sorted(request.headers)))

    wire = await (await serve(handler)).wire()
    await wire.say(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
    await wire.say(b"0\r\nauthorization: Bearer x\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert b"authorization" not in (await wire.hear())[2]
    assert (await wire.hear())[2] == b"[b'host']"


@pytest.mark.parametrize(
    "framing",
    [b"content-length: 3\r\n\r\nabc", b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"],
)
async def test_a_wish_for_another_protocol_is_passed_over_and_its_body_is_read(
    serve, echo, framing
):
    wire = await (await serve(echo)).wire()
    wish = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAMA\r\n"
    await wire.say(b"POST /1 HTTP/1.1\r\nhost: a\r\n" + wish + framing + POST % (2, b"def"))
    assert (await wire.hear())[2] == b"abc"
    _, headers, body = await wire.hear()
    assert (headers[b"x-path"], body) == (b"/2", b"def")


async def test_expect_100_is_answered_when_the_body_is_wanted(serve, echo):
    wire = await (await serve(echo)).wire()
    await wire.say(
        b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    )
    assert (await wire.hear())[0] == 100
    await wire.say(b"ok")
    assert (await wire.hear())[2] == b"ok"


async def test_expect_100_is_not_answered_in_the_middle_of_an_answer(serve):
    async def handler(request: Request) -> Response:
        async def parts():
            yield b"first,"
            reading.set()
            async for part in request.body:
                yield part

        return Response(200, [], parts())

    reading = asyncio.Event()
    wire = await (await serve(handler)).wire()
    await wire.say(
        b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    )
    await reading.wait()
    await wire.say(b"ok")
    status, _, body = await wire.hear()
    assert (status, body) == (200, b"first,ok")


async def test_expect_100_is_not_answered_when_the_body_is_refused_by_its_length(serve):
    async def handler(request: Request) -> Response:
        return Response(200, [], await request.body.read(10))

    wire = await (await serve(handler)).wire()
    await wire.say(
        b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 11\r\n\r\n"
    )
    status, headers, _ = await wire.hear()
    assert (status, headers[b"connection"]) == (413, b"close")


async def test_repeated_headers_that_are_lists_are_joined(serve):
    async def handler(request: Request) -> Response:
        return Response(200, [], request.headers[b"accept"])

    wire = await (await serve(handler)).wire()
    await wire.say(b"GET / HTTP/1.1\r\nhost: a\r\nAccept: a\r\naccept: b\r\n\r\n")
    assert (await wire.hear())[2] == b"a, b"


async def test_a_url_as_the_target_means_its_path(serve, echo):
    wire = await (await serve(echo)).wire()
    await wire.say(b"GET http://somewhere/else?x=1 HTTP/1.1\r\nhost: a\r\n\r\n")
    assert (await wire.hear())[1][b"x-path"] == b"/else"


async def test_http_1_0_gets_no_chunks_and_closes_unless_it_asks(serve):
    async def parts():
        yield b"one"
        yield b"two"

    async def handler(request: Request) -> Response:
        return Response(200, [], parts() if request.path == "/parts" else b"whole")

    serving = await serve(handler)
    wire = await serving.wire()
    await wire.say(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    assert (await wire.hear())[1][b"connection"] == b"keep-alive"
    await wire.say(b"GET /parts HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    _, headers, body = await wire.hear()
    assert (headers, body) == ({b"connection": b"close", b"date": ANY}, b"onetwo")
    wire = await serving.wire()
    await wire.say(b"GET / HTTP/1.0\r\n\r\n")
    assert (await wire.hear())[2] == b"whole"
    assert await wire.ended()


async def test_what_browsers_leave_as_it_is_in_a_target_reaches_the_handler(serve):
    async def answer(request: Request) -> Response:
        return Response.text(request.target)

    wire = await (await serve(answer)).wire()
    for target in (b"/50%", b"/a[1]", b"/?a[]={b|c^d}&e=\\%zz`"):
        await wire.say(b"GET " + target + b" HTTP/1.1\r\nhost: a\r\n\r\n")
        assert await wire.hear() == (200, ANY, target)


async def test_a_request_says_where_it_came_from(serve):
    async def answer(request: Request) -> Response:
        return Response.text(request.client)

    wire = await (await serve(answer)).wire()
    await wire.say(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert await wire.hear() == (200, ANY, b"127.0.0.1")


async def test_a_sender_that_waits_to_be_asked_is_not_slow(serve):
    begun, go = asyncio.Event(), asyncio.Event()

    async def handler(request):
        begun.set()
        await go.wait()
        return Response(200, [], await request.body.read())

    serving = await serve(handler)
    wire = await serving.wire()
    await wire.say(
        b"POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    )
    await begun.wait()
    [connection] = serving.server.connections
    connection.expire(asyncio.get_running_loop().time() + 60)
    go.set()
    assert (await wire.hear())[0] == 100
    await wire.say(b"ok")
    status, _, body = await wire.hear()
    assert (status, body) == (200, b"ok")
