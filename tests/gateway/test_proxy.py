"""A request that is passed on, and its answer, over real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from catnap.errors import Unavailable
from catnap.gateway.proxy import MAX_HOPS, forward, request_fields
from catnap.http import Client, Request, Response, Server, Target
from catnap.http.errors import BadGateway, LoopDetected, UpgradeRefused

Handler = Callable[[Request], Awaitable[Response]]
Serve = Callable[[Handler], Awaitable[Target]]

HOST = "cart.shop"


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    one = Client()
    yield one
    await one.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[Server] = []

    async def start(handler: Handler) -> Target:
        server = Server(handler)
        servers.append(server)
        return Target(*await server.listen(host="127.0.0.1"))

    yield start
    for server in reversed(servers):
        await server.drain(0)


@pytest.fixture
async def through(serve: Serve, client: Client) -> Callable[[Handler], Awaitable[Target]]:
    """Starts a backend and a proxy in front of it; gives the proxy's address."""

    async def start(backend: Handler) -> Target:
        where = await serve(backend)

        async def proxy(request: Request) -> Response:
            return await forward(client, request, where, HOST, ())

        return await serve(proxy)

    return start


def fields(headers: dict[bytes, bytes], *setting: tuple[bytes, bytes]) -> dict[bytes, bytes]:
    return dict(request_fields({b"host": b"asked", **headers}, "10.0.0.7", HOST, setting))


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_method_path_body_and_status_pass_as_they_are(
    through: Serve, client: Client, method: str
) -> None:
    async def backend(request: Request) -> Response:
        said = f"{request.method} {request.target} ".encode() + await request.body.read()
        return Response(418, [(b"x-made-by", b"us")], said)

    where = await through(backend)
    reply = await client.request(where, method, "/a%2Fb/c?d=e&f", [], b"body")
    assert (reply.status, reply.headers[b"x-made-by"]) == (418, b"us")
    assert await reply.read() == f"{method} /a%2Fb/c?d=e&f body".encode()


async def test_an_answer_to_head_has_the_length_of_the_answer_to_get(
    through: Serve, client: Client
) -> None:
    async def backend(request: Request) -> Response:
        return Response(200, [], b"12345")

    reply = await client.request(await through(backend), "HEAD", "/")
    assert (reply.headers[b"content-length"], await reply.read()) == (b"5", b"")


async def test_every_cookie_of_an_answer_arrives(through: Serve, client: Client) -> None:
    async def backend(request: Request) -> Response:
        return Response(200, [(b"set-cookie", b"a=1; Expires=Wed, 1 Jan"), (b"set-cookie", b"b=2")])

    reply = await client.request(await through(backend), "GET", "/")
    cookies = [value for name, value in reply.fields if name == b"set-cookie"]
    assert cookies == [b"a=1; Expires=Wed, 1 Jan", b"b=2"]


async def test_a_body_of_known_length_keeps_it_and_another_is_chunked(
    through: Serve, client: Client
) -> None:
    async def backend(request: Request) -> Response:
        framing = {b"content-length", b"transfer-encoding"} & request.headers.keys()
        return Response(200, [], b",".join(framing) + b" " + await request.body.read())

    async def parts() -> AsyncIterator[bytes]:
        yield b"in "
        yield b"parts"

    where = await through(backend)
    whole = await client.request(where, "POST", "/", [], b"whole")
    assert await whole.read() == b"content-length whole"
    chunked = await client.request(where, "POST", "/", [], parts())
    assert await chunked.read() == b"transfer-encoding in parts"


async def test_an_answer_is_passed_on_while_it_is_made(through: Serve, client: Client) -> None:
    go = asyncio.Event()

    async def backend(request: Request) -> Response:
        async def parts() -> AsyncIterator[bytes]:
            yield b"first"
            await go.wait()
            yield b"second"

        return Response(200, [], parts())

    reply = await client.request(await through(backend), "GET", "/")
    assert await anext(reply.body) == b"first"
    go.set()
    assert await anext(reply.body) == b"second"


async def test_a_client_that_leaves_is_missed_by_the_backend(
    through: Serve, client: Client
) -> None:
    begun, left = asyncio.Event(), asyncio.Event()

    async def backend(request: Request) -> Response:
        begun.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            left.set()

    asking = asyncio.create_task(client.request(await through(backend), "GET", "/"))
    await begun.wait()
    asking.cancel()
    await left.wait()


async def test_what_belongs_to_one_connection_stays_there(client: Client, serve: Serve) -> None:
    heads: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 204 No Content\r\nConnection: X-Ours\r\nX-Ours: 1\r\nX-End: 1\r\n\r\n"
        )
        writer.close()

    backend = await asyncio.start_server(talk, "127.0.0.1")

    async def proxy(request: Request) -> Response:
        where = Target(*backend.sockets[0].getsockname())
        return await forward(client, request, where, HOST, ())

    sent = [(b"connection", b"X-One-Hop"), (b"x-one-hop", b"1"), (b"te", b"1"), (b"x-end", b"1")]
    reply = await client.request(await serve(proxy), "GET", "/", sent)
    backend.close()
    sent_names = {line.partition(b":")[0] for line in heads[0].split(b"\r\n")}
    assert b"x-end" in sent_names
    assert not {b"connection", b"x-one-hop", b"te"} & sent_names
    assert reply.headers.keys() == {b"x-end", b"date"}


def test_set_headers_replace_what_was_sent_and_the_host_is_the_one_chosen() -> None:
    found = fields({b"which": b"bogus"}, (b"which", b"split"))
    assert (found[b"which"], found[b"host"]) == (b"split", b"cart.shop")


def test_nobody_but_an_ingress_object_says_which_revision_is_woken() -> None:
    names = (b"knative-serving-revision", b"knative-serving-namespace", b"k-original-host")
    steering = dict.fromkeys(names, b"x")
    assert not steering.keys() & fields(steering).keys()
    assert fields(steering, *steering.items()).items() >= steering.items()


def test_where_a_request_came_from_is_said_in_both_ways() -> None:
    found = fields({b"x-forwarded-for": b"1.2.3.4", b"forwarded": b"for=1.2.3.4"})
    assert found[b"x-forwarded-for"] == b"1.2.3.4, 10.0.0.7"
    assert found[b"forwarded"] == b'for=1.2.3.4, for=10.0.0.7;host="asked";proto=http'
    assert (found[b"x-forwarded-host"], found[b"x-forwarded-proto"]) == (b"asked", b"http")


def test_what_ended_tls_before_us_is_believed_and_an_ipv6_address_is_quoted() -> None:
    headers = {b"host": b"asked", b"x-forwarded-proto": b"https"}
    found = dict(request_fields(headers, "fd00::1", HOST, ()))
    assert found[b"x-forwarded-proto"] == b"https"
    assert found[b"forwarded"] == b'for="[fd00::1]";host="asked";proto=https'


async def test_a_request_that_comes_by_again_and_again_is_stopped(
    client: Client, serve: Serve
) -> None:
    hops = 0

    async def circle(request: Request) -> Response:
        nonlocal hops
        hops += 1
        return await forward(client, request, where, HOST, ())

    where = await serve(circle)
    reply = await client.request(where, "GET", "/")
    assert (reply.status, hops) == (LoopDetected.http, MAX_HOPS + 1)


async def test_a_websocket_is_refused_in_so_many_words(client: Client) -> None:
    request = Request("GET", "/", {b"host": b"a", b"sec-websocket-key": b"x"})
    with pytest.raises(UpgradeRefused, match="WebSocket"):
        await forward(client, request, Target("127.0.0.1", 1), HOST, ())


async def test_a_backend_that_is_not_there_is_unavailable(
    client: Client, unused_tcp_port: int
) -> None:
    request = Request("GET", "/", {b"host": b"a"})
    with pytest.raises(Unavailable, match="cannot connect"):
        await forward(client, request, Target("127.0.0.1", unused_tcp_port), HOST, ())


async def test_a_backend_that_hangs_up_is_a_bad_gateway_and_not_asked_again(
    through: Serve, client: Client
) -> None:
    asked = 0

    async def backend(request: Request) -> Response:
        nonlocal asked
        asked += 1
        raise asyncio.CancelledError

    reply = await client.request(await through(backend), "GET", "/")
    assert (reply.status, asked) == (BadGateway.http, 1)
