"""A server of OpenAI's HTTP is asked, and what it says of itself is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from catnap.errors import (
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    ResourceExhausted,
    SkillCrashed,
    Unavailable,
)
from catnap.http import Client
from catnap.models.openai_server import OpenAIServer
from catnap.models.verdict import Fault, UpstreamError

Script = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
"""Answers a request, given with its body, one connection after the other."""


@asynccontextmanager
async def serving(script: Script, prefix: str = "") -> AsyncIterator[OpenAIServer]:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        try:
            await script(head + await reader.readexactly(length), writer)
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = Client()
    try:
        yield OpenAIServer(client, f"http://127.0.0.1:{port}{prefix}", "m", "key-of-ours")
    finally:
        await client.close()
        server.close()


def answering(status: int, body: bytes, headers: str = "") -> Script:
    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(
            f"HTTP/1.1 {status} OK\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode()
        )
        writer.write(body)

    return script


def streaming(*pieces: bytes, ends: bool = True) -> Script:
    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in pieces:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        if ends:
            writer.write(b"0\r\n\r\n")

    return script


async def failure(server: OpenAIServer, timeout: float | None = None) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        await server.ask("/v1/embeddings", b"{}", timeout)
    return raised.value


async def test_a_request_is_sent_below_the_address_with_the_servers_key() -> None:
    seen: list[bytes] = []

    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        await answering(200, b'{"ok": 1}')(request, writer)

    async with serving(script, "/served/here/") as server:
        assert await server.ask("/v1/embeddings", b'{"input": "x"}', None) == b'{"ok": 1}'
    [request] = seen
    assert request.startswith(b"POST /served/here/v1/embeddings HTTP/1.1\r\n")
    assert b"authorization: Bearer key-of-ours\r\n" in request
    assert request.endswith(b'\r\n\r\n{"input": "x"}')


@pytest.mark.parametrize(
    ("status", "body", "fault", "kind", "said"),
    [
        (400, b'{"error": {"message": "no prompt"}}', Fault.REQUEST, InvalidRequest, "no prompt"),
        (400, b'{"error": "flat"}', Fault.REQUEST, InvalidRequest, "flat"),
        (422, b'{"detail": [{"loc": ["x"]}]}', Fault.REQUEST, InvalidRequest, "loc"),
        (404, b'{"object": "error", "message": "none"}', Fault.EITHER, NotFound, "none"),
        (401, b"", Fault.EITHER, SkillCrashed, "let the gateway in"),
        (429, b"slow down", Fault.BUSY, ResourceExhausted, "slow down"),
        (500, b"<html>\xff", Fault.EITHER, SkillCrashed, "<html>"),
        (503, b"{}", Fault.SERVER, Unavailable, "503"),
    ],
)
async def test_a_status_says_whose_fault_it_is(
    status: int, body: bytes, fault: Fault, kind: type[Exception], said: str
) -> None:
    async with serving(answering(status, body)) as server:
        error = await failure(server)
    assert (error.fault, type(error.error)) == (fault, kind)
    assert said in str(error)


async def test_when_to_come_back_is_passed_on() -> None:
    async with serving(answering(429, b"", "retry-after: 7\r\n")) as server:
        assert (await failure(server)).error.retry_after == 7


async def test_the_parts_of_an_answer_come_as_they_are_sent_up_to_the_end() -> None:
    pieces = (b'data: {"a"', b': 1}\n\ndata: {"b": 2}\n\n', b"data: [DONE]\n\n", b"data: late\n\n")
    async with serving(streaming(*pieces)) as server:
        parts = [part async for part in server.stream("/v1/completions", b"{}", None)]
    assert parts == [b'{"a": 1}', b'{"b": 2}']


@pytest.mark.parametrize("ends", [True, False])
async def test_a_stream_that_is_not_whole_is_no_answer(ends: bool) -> None:
    async with serving(streaming(b"data: 1\n\n", ends=ends)) as server:
        parts = server.stream("/v1/completions", b"{}", None)
        assert await anext(parts) == b"1"
        with pytest.raises(UpstreamError) as raised:
            await anext(parts)
    assert raised.value.fault is Fault.SERVER


async def test_a_server_that_does_not_answer_in_time_is_late() -> None:
    async def hang(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with serving(hang) as server:
        error = await failure(server, 0.05)
    assert (error.fault, type(error.error)) == (Fault.LATE, DeadlineExceeded)


async def test_nobody_at_the_address_is_the_servers_fault() -> None:
    client = Client()
    assert (await failure(OpenAIServer(client, "http://127.0.0.1:9", "m"))).fault is Fault.SERVER


async def test_who_leaves_a_stream_ends_it_at_the_server() -> None:
    left = asyncio.Event()

    async def endless(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        try:
            while True:
                writer.write(b"9\r\ndata: 1\n\n\r\n")
                await writer.drain()
                await asyncio.sleep(0)
        finally:
            left.set()

    async with serving(endless) as server:
        parts = server.stream("/v1/completions", b"{}", None)
        assert await anext(parts) == b"1"
        await parts.aclose()
        async with asyncio.timeout(10):
            await left.wait()


async def test_the_time_of_a_stream_is_up_where_it_is_read_not_in_what_its_reader_does() -> None:
    async def script(request: bytes, writer: asyncio.StreamWriter) -> None:
        await streaming(b"data: one\n\n", ends=False)(request, writer)
        await asyncio.Event().wait()

    async with serving(script) as server, aclosing(server.stream("/v1/x", b"", 0.05)) as parts:
        assert await anext(parts) == b"one"
        await asyncio.sleep(0.1)
        with pytest.raises(UpstreamError) as raised:
            await anext(parts)
        assert raised.value.fault is Fault.LATE
