"""The client: reuse of connections, answers that are cut, requests that cannot be sent."""

import asyncio
import socket

import pytest

from catnap.errors import InvalidRequest, PayloadTooLarge, SkillCrashed, Unavailable
from catnap.http import Client, ConnectionLost, NotAsked, Request, Response, Target


@pytest.fixture
async def client():
    one = Client(idle=5)
    yield one
    await one.close()


@pytest.fixture
async def peer():
    """A server that answers each connection with the given bytes, once a
    request's head has come, and keeps the connection unless told not to."""
    servers = []

    async def start(*answers: bytes, close: bool = False) -> tuple[Target, list[bytes]]:
        heads: list[bytes] = []
        left = list(answers)

        async def talk(reader, writer):
            try:
                while left:
                    heads.append(await reader.readuntil(b"\r\n\r\n"))
                    writer.write(left.pop(0))
                    await writer.drain()
                if not close:
                    await reader.read()
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        servers.append(server)
        return Target(*server.sockets[0].getsockname()), heads

    yield start
    for server in servers:
        server.close()


async def test_a_connection_is_used_again_once_its_answer_is_read(serve, echo, client):
    serving = await serve(echo)
    for n in range(5):
        reply = await client.request(serving.target, "POST", f"/{n}", [], b"%d" % n)
        assert (reply.status, await reply.read()) == (200, b"%d" % n)
        assert reply.headers[b"x-path"] == b"/%d" % n
    assert serving.server.served == 5
    assert len(serving.server.connections) == 1


async def test_a_connection_whose_answer_was_not_read_is_not_used_again(serve, client):
    async def parts():
        while True:
            yield bytes(100_000)

    async def handler(request: Request) -> Response:
        return Response(200, [], parts() if request.path == "/long" else b"short")

    serving = await serve(handler)
    unread = await client.request(serving.target, "GET", "/long")
    reply = await client.request(serving.target, "GET", "/")
    assert await reply.read() == b"short"
    assert len(serving.server.connections) == 2
    unread.close()
    with pytest.raises(ConnectionLost):
        await unread.read()


async def test_an_answer_over_the_limit_closes_its_connection(serve, client):
    async def handler(request: Request) -> Response:
        return Response(200, [], bytes(5_000_000))

    serving = await serve(handler)
    reply = await client.request(serving.target, "GET", "/")
    with pytest.raises(PayloadTooLarge, match="5,000,000"):
        await reply.read(1000)
    [connection] = serving.server.connections
    await asyncio.wait_for(connection.closed, 5)


async def test_an_iterator_is_sent_as_it_comes_and_closed(serve, echo, client):
    closed = []

    async def parts():
        try:
            for n in range(100):
                yield b"%d," % n
        finally:
            closed.append(True)

    serving = await serve(echo)
    reply = await client.request(serving.target, "PUT", "/", [], parts())
    assert await reply.read() == b"".join(b"%d," % n for n in range(100))
    assert closed


async def test_an_answer_ends_the_sending_of_a_body_that_is_not_wanted(serve, client):
    async def handler(request: Request) -> Response:
        return Response(200, [], await request.body.read(1000))

    closed = asyncio.Event()

    async def endless():
        try:
            while True:
                yield bytes(50_000)
        finally:
            closed.set()

    serving = await serve(handler)
    reply = await client.request(serving.target, "PUT", "/", [], endless())
    assert reply.status == 413
    assert closed.is_set()
    reply = await client.request(serving.target, "PUT", "/", [], bytes(50_000_000))
    assert reply.status == 413
    assert b"the limit is 1,000" in await reply.read()


async def test_a_body_that_fails_takes_its_connection_with_it(serve, echo, client):
    async def parts():
        yield b"a"
        raise ValueError("no more")

    serving = await serve(echo)
    with pytest.raises(ValueError, match="no more"):
        await client.request(serving.target, "PUT", "/", [], parts())
    reply = await client.request(serving.target, "POST", "/", [], b"b")
    assert await reply.read() == b"b"


async def test_a_caller_that_is_cancelled_is_seen_to_leave(serve, client):
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    serving = await serve(handler)
    call = asyncio.create_task(client.request(serving.target, "GET", "/"))
    await begun.wait()
    call.cancel()
    await asyncio.wait_for(cancelled.wait(), 5)


async def test_a_caller_cancelled_as_its_answer_arrives_leaves_the_connection_to_the_next(
    serve, echo
):
    class Leaving(Client):
        def release(self, connection):
            super().release(connection)
            released.append(connection)
            call.cancel()

    client, released = Leaving(), []
    serving = await serve(echo)
    call = asyncio.create_task(client.request(serving.target, "GET", "/"))
    with pytest.raises(asyncio.CancelledError):
        await call
    [connection] = released
    assert not connection.transport.is_closing()
    reply = await client.request(serving.target, "POST", "/", [], b"next")
    assert (await reply.read(), released) == (b"next", [connection, connection])
    await client.close()


async def test_an_answer_that_comes_between_a_cancellation_and_its_caller_frees_no_connection(
    serve, echo
):
    class Met(Client):
        def __init__(self):
            super().__init__()
            self.released = []

        def release(self, connection):
            super().release(connection)
            self.released.append(connection)

    client, serving = Met(), await serve(echo)
    await (await client.request(serving.target, "GET", "/")).read()
    [connection] = client.released
    call = asyncio.create_task(client.request(serving.target, "GET", "/"))
    await asyncio.sleep(0)  # it is sent
    call.cancel()
    connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    reply = await client.request(serving.target, "POST", "/", [], b"next")
    assert await reply.read() == b"next"
    with pytest.raises(asyncio.CancelledError):
        await call
    await client.close()


async def test_head_204_and_304_have_no_body_and_keep_the_connection(serve, client):
    async def handler(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(200, [(b"content-length", b"1000")])
        return Response(int(request.path[1:]), [])

    serving = await serve(handler)
    for method, path in (("HEAD", "/"), ("GET", "/204"), ("GET", "/304"), ("GET", "/200")):
        reply = await client.request(serving.target, method, path)
        assert await reply.read() == b""
    assert len(serving.server.connections) == 1


async def test_an_answer_without_length_ends_with_its_connection(peer, client):
    target, _ = await peer(b"HTTP/1.1 200 OK\r\n\r\nall of it", close=True)
    reply = await client.request(target, "GET", "/")
    assert await reply.read() == b"all of it"


async def test_early_hints_are_passed_over(peer, client):
    target, _ = await peer(
        b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    )
    reply = await client.request(target, "GET", "/")
    assert (reply.status, await reply.read(), b"link" in reply.headers) == (200, b"ok", False)


@pytest.mark.parametrize("body", [b"", b"hello"])
async def test_a_body_that_is_to_be_asked_for_is_sent_when_it_is(serve, client, body):
    heads, go = [], asyncio.Event()

    async def handler(request: Request) -> Response:
        heads.append(request.headers)
        await go.wait()
        return Response(200, [], await request.body.read())

    serving = await serve(handler)
    for _ in range(2):
        call = asyncio.create_task(client.request(serving.target, "POST", "/", (), body, asked=60))
        while not heads:
            await asyncio.sleep(0)
        go.set()
        assert await (await call).read() == body
    assert [head[b"expect"] for head in heads] == [b"100-continue"] * 2
    assert len(serving.server.connections) == 1


async def test_a_body_that_nobody_asks_for_is_not_sent(serve, client):
    bodies = []

    async def handler(request: Request) -> Response:
        bodies.append(request.body)
        return await asyncio.get_running_loop().create_future()

    serving = await serve(handler)
    with pytest.raises(NotAsked, match="has not begun"):
        await client.request(serving.target, "POST", "/", (), b"hello", asked=0.05)
    while serving.server.connections:
        await asyncio.sleep(0)
    assert not any(body.buffered for body in bodies)


async def test_an_answer_before_a_body_is_asked_for_is_the_answer(serve, client):
    async def handler(request: Request) -> Response:
        return Response(503, [], b"full")

    serving = await serve(handler)
    reply = await client.request(serving.target, "POST", "/", (), b"hello", asked=60)
    assert (reply.status, await reply.read()) == (503, b"full")


async def test_who_leaves_before_it_has_asked_is_a_lost_connection(peer, client):
    target, _ = await peer(b"", close=True)
    with pytest.raises(ConnectionLost):
        await client.request(target, "POST", "/", (), b"hello", asked=60)


@pytest.mark.parametrize(
    "cut",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc"],
)
async def test_an_answer_that_is_cut_is_a_lost_connection(peer, client, cut):
    target, _ = await peer(cut, close=True)
    with pytest.raises(ConnectionLost):
        await (await client.request(target, "GET", "/")).read()


@pytest.mark.parametrize(
    "nonsense",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1_000_000,
        b"HTTP/1.1 200 OK\r\n" + b"x: yyyyyyyy\r\n" * 10_000 + b"\r\n",
    ],
)
async def test_what_is_no_answer_is_a_crash_of_the_other_side(peer, client, nonsense):
    target, _ = await peer(nonsense)
    with pytest.raises(SkillCrashed, match="what is not HTTP"):
        await client.request(target, "GET", "/")


async def test_a_second_answer_is_never_given_to_the_next_request(peer, client):
    ok = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"
    target, heads = await peer(ok + b"one" + ok + b"bad", ok + b"two")
    first = await client.request(target, "GET", "/1")
    assert await first.read() == b"one"
    second = await client.request(target, "GET", "/2")
    assert await second.read() == b"two"
    assert len(heads) == 2


async def test_a_connection_that_the_other_side_closed_is_not_used(peer, client):
    ok = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
    target, heads = await peer(ok, ok)
    for _ in range(2):
        assert await (await client.request(target, "GET", "/")).read() == b"ok"
    assert len(heads) == 2


async def test_idle_connections_are_given_up_before_the_server_does(serve, echo):
    client = Client(idle=0)
    serving = await serve(echo)
    for _ in range(2):
        await (await client.request(serving.target, "GET", "/")).read()
    assert len(client._idle[serving.target]) == 1
    client.forget(serving.target)
    assert not client._idle


async def test_nobody_there_is_unavailable(client, tmp_path):
    with pytest.raises(Unavailable, match="cannot connect to unix:"):
        await client.request(Target(path=str(tmp_path / "none.sock")), "GET", "/")


async def test_a_place_that_gave_no_sign_is_unavailable(tmp_path):
    """One whose backlog is full, and stays so."""
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as ahead:
        listening.bind(str(tmp_path / "full.sock"))
        listening.listen(0)
        ahead.connect(listening.getsockname())
        client = Client(connect_timeout=0.01)
        with pytest.raises(Unavailable, match=r"full\.sock: no answer"):
            await client.request(Target(path=listening.getsockname()), "GET", "/")


async def test_a_burst_beyond_the_backlog_loses_no_request(client, tmp_path):
    async def talk(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
        writer.close()

    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "busy.sock"))
    listening.listen(2)
    target = Target(path=listening.getsockname())
    calls = [asyncio.create_task(client.request(target, "GET", "/")) for _ in range(20)]
    for _ in range(5):
        await asyncio.sleep(0)
    async with await asyncio.start_unix_server(talk, sock=listening, backlog=2):
        replies = await asyncio.gather(*calls)
        assert [await each.read() for each in replies] == [b""] * 20


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/a b", []),
        ("GET", "/a\r\nx: y", []),
        ("GET", "/ä", []),
        ("GET", "", []),
        ("GET /", "/", []),
        ("GET", "/", [(b"x", b"a\r\ny: b")]),
        ("GET", "/", [(b"x\n", b"a")]),
    ],
)
async def test_a_request_that_would_be_another_one_is_not_sent(client, method, path, headers):
    with pytest.raises(InvalidRequest):
        await client.request(Target(host="127.0.0.1", port=1), method, path, headers)


async def test_host_names_the_place_unless_the_caller_does(peer, client):
    ok = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    target, heads = await peer(ok, ok)
    await client.request(target, "GET", "/")
    await client.request(target, "GET", "/", [(b"host", b"echo.default")])
    assert b"host: 127.0.0.1:%d\r\n" % target.port in heads[0]
    assert heads[1].count(b"host: ") == 1
    assert b"host: echo.default\r\n" in heads[1]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("unix:/run/a.sock", Target(path="/run/a.sock")),
        ("localhost:80", Target(host="localhost", port=80)),
        ("[::1]:80", Target(host="::1", port=80)),
    ],
)
def test_an_address_is_read_and_written_alike(text, target):
    assert Target.parse(text) == target
    assert str(target) == text


@pytest.mark.parametrize("text", ["", "localhost", "localhost:", ":80", "a:b", "a:70000", "unix:a"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(InvalidRequest, match="host:port"):
        Target.parse(text)


async def test_a_stream_whose_length_is_said_is_sent_without_chunks(serve, client):
    async def answer(request: Request) -> Response:
        said = request.headers.get(b"content-length", b"?")
        return Response(body=said + b":" + await request.body.read())

    async def parts():
        yield b"one "
        yield b"two"

    serving = await serve(answer)
    length = [(b"content-length", b"7")]
    for _ in range(2):
        reply = await client.request(serving.target, "POST", "/", length, parts())
        assert await reply.read() == b"7:one two"
    assert len(serving.server.connections) == 1


async def test_of_a_repeated_header_every_value_is_there(client, peer):
    target, _ = await peer(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Expires=Wed, 21 Oct\r\nSet-Cookie: b=2\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    reply = await client.request(target, "GET", "/")
    assert [value for name, value in reply.fields if name == b"set-cookie"] == [
        b"a=1; Expires=Wed, 21 Oct",
        b"b=2",
    ]
