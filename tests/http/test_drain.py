"""How a server begins on a socket, and ends without losing an answer."""

import asyncio
import socket

from catnap.http import Request, Response, Server

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def test_what_is_at_work_is_finished_and_its_whole_answer_arrives(serve):
    begun, gate = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        begun.set()
        await gate.wait()
        return Response(200, [], bytes(20_000_000))

    serving = await serve(handler)
    wire = await serving.wire()
    await wire.say(GET)
    await begun.wait()
    draining = asyncio.create_task(serving.server.drain(10))
    await asyncio.wait([draining], timeout=0.01)
    gate.set()
    status, headers, body = await wire.hear()
    assert (status, headers[b"connection"], len(body)) == (200, b"close", 20_000_000)
    wire.close()
    await draining


async def test_new_connections_are_still_answered_while_others_are_at_work(serve):
    begun, gate = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        if request.path == "/slow":
            begun.set()
            await gate.wait()
        return Response.text("ok")

    serving = await serve(handler)
    slow = await serving.wire()
    await slow.say(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
    await begun.wait()
    draining = asyncio.create_task(serving.server.drain(10))
    await asyncio.wait([draining], timeout=0.01)
    late = await serving.wire()
    await late.say(GET)
    assert (await late.hear())[1][b"connection"] == b"close"
    assert await late.ended()
    late.close()
    gate.set()
    assert (await slow.hear())[0] == 200
    slow.close()
    await draining
    assert not serving.server.connections


async def test_a_request_whose_head_is_still_arriving_has_the_whole_grace(serve, echo, monkeypatch):
    monkeypatch.setattr("catnap.http.server.SETTLE", 0)
    monkeypatch.setattr("catnap.http.server.LAST_WORDS", 0)
    serving = await serve(echo)
    wire = await serving.wire()
    await wire.say(GET + GET[:-5])
    await wire.hear()
    draining = asyncio.create_task(serving.server.drain(10))
    await asyncio.wait([draining], timeout=0.05)
    await wire.say(GET[-5:])
    status, headers, _ = await wire.hear()
    assert (status, headers[b"connection"]) == (200, b"close")
    wire.close()
    assert await draining


async def test_what_does_not_end_in_time_is_broken_off(serve):
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(request: Request) -> Response:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    serving = await serve(handler)
    await (await serving.wire()).say(GET)
    await begun.wait()
    await serving.server.drain(0.05)
    await cancelled.wait()


async def test_idle_connections_are_closed(serve, echo):
    serving = await serve(echo)
    wire = await serving.wire()
    await wire.say(GET)
    await wire.hear()
    await serving.server.drain(5)
    assert await wire.ended()


async def test_a_unix_socket_that_was_given_is_served(tmp_path, echo):
    path = str(tmp_path / "s.sock")
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    server = Server(echo)
    assert await server.listen(sock=sock) == (path, 0)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(GET)
    assert (await reader.readuntil(b"\r\n")) == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    await server.drain(1)


async def test_a_tcp_socket_that_was_given_sends_without_delay(echo):
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = Server(echo)
    host, port = await server.listen(sock=sock)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(GET)
    await reader.readuntil(b"\r\n")
    [connection] = server.connections
    accepted = connection.transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    writer.close()
    await server.drain(1)
