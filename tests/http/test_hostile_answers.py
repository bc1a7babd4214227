"""A server that nobody vouches for: whatever it answers, its client has an
answer or an error, soon, and goes on."""

import asyncio
import random
from contextlib import suppress

import pytest

from catnap.errors import CatnapError, PayloadTooLarge, SkillCrashed
from catnap.http import Client, ConnectionLost, Target
from tests.host.hostile.mutations import mutate

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"transfer-encoding: chunked\r\n\r\n"
GOOD = OK + b"content-length: 4\r\n\r\ngood"
ENOUGH = 1_000_000
"""Bytes after which what has no end must have been given up."""


@pytest.fixture
async def client():
    one = Client()
    yield one
    await one.close()


@pytest.fixture
async def peer():
    """A server that says what it is told to, once it has read a request's head,
    and the second part again and again; or closes."""
    servers, sent = [], 0

    async def start(said: bytes, again: bytes = b"") -> Target:
        async def talk(reader, writer):
            nonlocal sent
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(said)
                await writer.drain()
                while again and sent < 100 * ENOUGH:
                    writer.write(again)
                    sent += len(again)
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        servers.append(server)
        return Target(*server.sockets[0].getsockname())

    start.sent = lambda: sent
    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize(
    ("said", "again"),
    [
        pytest.param(b"HTTP/1.1 200 ", b"a" * 1000, id="a reason"),
        pytest.param(OK, b"x" * 1000, id="a field's name"),
        pytest.param(OK + b"x: ", b"y" * 1000, id="a field's value"),
        pytest.param(OK, b"x: y\r\n" * 200, id="fields"),
        pytest.param(OK, b"x:\r\n" * 200, id="fields of no value"),
        pytest.param(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 50, id="interim answers"),
        pytest.param(b"", b"HTTP/1.1 103 \r\nlink: a\r\n\r\n" * 50, id="early hints"),
        pytest.param(b"", b"\r\n" * 500, id="empty lines"),
    ],
)
async def test_a_head_without_end_is_given_up(peer, client, said, again):
    target = await peer(said, again)
    with pytest.raises(SkillCrashed, match="what is not HTTP"):
        await asyncio.wait_for(client.request(target, "GET", "/"), 30)
    assert peer.sent() < 10 * ENOUGH


@pytest.mark.parametrize(
    ("said", "again"),
    [
        pytest.param(CHUNKED, b"0" * 1000, id="a size"),
        pytest.param(CHUNKED + b"1;", b"a" * 1000, id="an extension"),
        pytest.param(CHUNKED + b"1", b";a=b" * 250, id="extensions"),
        pytest.param(CHUNKED + b"0\r\nx: ", b"a" * 1000, id="a trailer"),
        pytest.param(CHUNKED + b"0\r\n", b"x: y\r\n" * 200, id="trailers"),
    ],
)
async def test_chunks_without_data_are_given_up(peer, client, said, again):
    reply = await client.request(await peer(said, again), "GET", "/")
    with pytest.raises(SkillCrashed, match="what is not HTTP"):
        await asyncio.wait_for(reply.read(), 30)
    assert peer.sent() < 10 * ENOUGH


@pytest.mark.parametrize(
    ("said", "again"),
    [
        pytest.param(OK + b"\r\n", b"a" * 10_000, id="till the connection ends"),
        pytest.param(CHUNKED, b"2710\r\n" + b"a" * 10_000 + b"\r\n", id="chunks"),
        pytest.param(CHUNKED, b"1\r\na\r\n" * 1000, id="tiny chunks"),
    ],
)
async def test_a_body_without_end_is_given_up_at_the_limit(peer, client, said, again):
    reply = await client.request(await peer(said, again), "GET", "/")
    with pytest.raises(PayloadTooLarge):
        await asyncio.wait_for(reply.read(ENOUGH), 30)
    assert peer.sent() < 30 * ENOUGH


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 -200 OK\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"200 OK\r\n\r\n",
        b"<html>",
        b"\0" * 100,
        OK + b"x : y\r\n\r\n",
        OK + b"x: y\r\n z\r\n\r\n",
        OK + b"x: \0\r\n\r\n",
        OK + b"x: a\rb\r\n\r\n",
        OK + b"x\r\n\r\n",
        OK + b"content-length: -1\r\n\r\n",
        OK + b"content-length: +1\r\n\r\na",
        OK + b"content-length: 1, 1\r\n\r\na",
        OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab",
        OK + b"content-length: 18446744073709551616\r\n\r\n",
        OK + b"content-length: " + b"0" * 5000 + b"\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n0\r\n\r\n",
    ],
)
async def test_a_head_that_is_none_is_a_crash_of_the_other_side(peer, client, head):
    with pytest.raises(SkillCrashed):
        await asyncio.wait_for((await client.request(await peer(head), "GET", "/")).read(), 30)


@pytest.mark.parametrize(
    "chunks",
    [
        b"x\r\n",
        b"-1\r\n",
        b"0x1\r\na\r\n",
        b"1\na\r\n",
        b"1\r\nab\r\n",
        b"1\r\na",
        b"f" * 17,
        b"1\r\n",
    ],
)
async def test_chunks_that_are_none_break_the_answer_off(peer, client, chunks):
    reply = await client.request(await peer(CHUNKED + chunks), "GET", "/")
    with pytest.raises(SkillCrashed):
        await asyncio.wait_for(reply.read(), 30)


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"chunked, gzip", b"identity"])
async def test_a_coding_that_is_not_read_is_not_taken_for_the_body(peer, client, coding):
    said = OK + b"transfer-encoding: " + coding + b"\r\n\r\n1\r\na\r\n0\r\n\r\n"
    with pytest.raises(SkillCrashed):
        await asyncio.wait_for((await client.request(await peer(said), "GET", "/")).read(), 30)


async def test_white_space_after_a_value_is_no_part_of_it(peer, client):
    said = OK + b"content-type: a/b \t\r\ncontent-length: 0 \r\n\r\n"
    reply = await client.request(await peer(said), "GET", "/")
    assert reply.headers[b"content-type"] == b"a/b"


async def test_what_comes_of_spoilt_answers_is_an_answer_or_an_error(client):
    """The client is used again after each, and gets what it asked for."""
    chance = random.Random(1)
    whole = [
        GOOD,
        CHUNKED + b"4\r\ngood\r\n0\r\nx: y\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + GOOD,
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 4\r\n\r\ngood",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\ngone",
    ]
    said = b""

    async def talk(reader, writer):
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    target = Target(*server.sockets[0].getsockname())
    for _ in range(2000):
        said = mutate(chance, chance.choice(whole), whole)
        try:
            reply = await asyncio.wait_for(client.request(target, "GET", "/"), 30)
            await asyncio.wait_for(reply.read(), 30)
        except (SkillCrashed, PayloadTooLarge):
            pass
        except (CatnapError, TimeoutError) as error:
            pytest.fail(f"{error!r} of {said!r}")
        said = GOOD
        for again in range(3):  # a connection that was kept may be closed by now
            with suppress(ConnectionLost):
                reply = await client.request(target, "GET", "/")
                assert await reply.read() == b"good"
                break
            assert again < 2
    server.close()
