"""A model server is asked with the bytes that came, and what it says of itself is heard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc import aio

from catnap.errors import (
    DeadlineExceeded,
    InvalidRequest,
    PayloadTooLarge,
    ResourceExhausted,
    SkillCrashed,
    Unavailable,
)
from catnap.models.oip_server import _OPTIONS, OipServer
from catnap.models.verdict import Fault, UpstreamError

Context = aio.ServicerContext[bytes, bytes]
Infer = Callable[[bytes, Context], Awaitable[bytes]]


async def echo(request: bytes, context: Context) -> bytes:
    return request[::-1]


async def echo_stream(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
    async for request in requests:
        yield request
        yield request[::-1]


@asynccontextmanager
async def serving(infer: Infer = echo, stream: Any = echo_stream) -> AsyncIterator[OipServer]:
    """A server that knows bytes alone, and one that asks it."""
    server = aio.server()
    handlers: dict[str, Any] = {
        "ModelInfer": grpc.unary_unary_rpc_method_handler(infer),
        "ModelStreamInfer": grpc.stream_stream_rpc_method_handler(stream),
    }
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("inference.GRPCInferenceService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    asked = OipServer(f"127.0.0.1:{port}", "m")
    try:
        yield asked
    finally:
        await asked.close()
        await server.stop(None)


async def failure(server: OipServer, timeout: float | None = None) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        await server.ask("ModelInfer", b"x", timeout)
    return raised.value


def aborting(code: grpc.StatusCode, *trailers: tuple[str, str]) -> Infer:
    async def infer(request: bytes, context: Context) -> bytes:
        await context.abort(code, "as it says", trailers)
        raise AssertionError

    return infer


async def test_bytes_pass_as_they_are_small_and_large() -> None:
    async with serving() as server:
        for request in (b"", b"abc", bytes(range(256)) * 10_000):
            assert await server.ask("ModelInfer", request, None) == request[::-1]


async def test_what_is_larger_than_a_server_takes_is_no_reason_to_ask_another() -> None:
    async with serving() as server:
        with pytest.raises(UpstreamError) as raised:
            await server.ask("ModelInfer", bytes(5 << 20), None)
    assert raised.value.fault is Fault.REQUEST
    assert isinstance(raised.value.error, PayloadTooLarge)


async def test_a_stream_passes_each_answer_as_it_comes() -> None:
    sent: asyncio.Queue[bytes] = asyncio.Queue()

    async def requests() -> AsyncIterator[bytes]:
        while request := await sent.get():
            yield request

    async with serving() as server:
        answers = server.stream(requests(), None)
        for request in (b"one", b"two"):
            await sent.put(request)
            assert [await anext(answers), await anext(answers)] == [request, request[::-1]]
        await sent.put(b"")
        assert [each async for each in answers] == []


@pytest.mark.parametrize(
    ("code", "fault", "kind"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, Fault.REQUEST, InvalidRequest),
        (grpc.StatusCode.INTERNAL, Fault.EITHER, SkillCrashed),
        (grpc.StatusCode.UNAVAILABLE, Fault.SERVER, Unavailable),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Fault.BUSY, ResourceExhausted),
        (grpc.StatusCode.UNAUTHENTICATED, Fault.EITHER, SkillCrashed),
    ],
)
async def test_a_status_says_whose_fault_it_is(
    code: grpc.StatusCode, fault: Fault, kind: type[Exception]
) -> None:
    async with serving(aborting(code)) as server:
        error = await failure(server)
        assert (error.fault, type(error.error)) == (fault, kind)
        assert "'m'" in str(error)
        assert "as it says" in str(error) + error.detail


async def test_when_to_come_back_is_passed_on() -> None:
    busy = aborting(grpc.StatusCode.RESOURCE_EXHAUSTED, ("grpc-retry-pushback-ms", "1500"))
    async with serving(busy) as server:
        assert (await failure(server)).error.retry_after == 1.5


async def test_a_server_that_does_not_answer_in_time_is_late() -> None:
    async def hang(request: bytes, context: Context) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError

    async with serving(hang) as server:
        error = await failure(server, 0.05)
        assert (error.fault, type(error.error)) == (Fault.LATE, DeadlineExceeded)


def test_a_long_request_is_not_ended_by_pings_that_servers_take_for_too_many() -> None:
    # By default they bear one in 300 s, and three strikes: a request of 140 s
    # failed with too_many_pings, with all others of its connection.
    assert dict(_OPTIONS)["grpc.keepalive_time_ms"] > 300_000


async def test_nobody_at_the_address_is_the_servers_fault() -> None:
    server = OipServer("unix:/nonexistent/socket", "m")
    assert (await failure(server)).fault is Fault.SERVER
    await server.close()


async def test_who_leaves_ends_the_request_at_the_server() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hang(request: bytes, context: Context) -> bytes:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    async with serving(hang) as server:
        asking = asyncio.create_task(server.ask("ModelInfer", b"x", None))
        await begun.wait()
        asking.cancel()
        async with asyncio.timeout(10):
            await ended.wait()


async def test_a_stream_that_has_ended_takes_no_more_requests() -> None:
    async def refuse(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
        await context.abort(grpc.StatusCode.UNAVAILABLE)
        yield b""

    sent: asyncio.Queue[bytes] = asyncio.Queue()

    async def requests() -> AsyncIterator[bytes]:
        while True:
            yield await sent.get()

    async with serving(stream=refuse) as server:
        with pytest.raises(UpstreamError):
            await anext(server.stream(requests(), None))
        sent.put_nowait(b"for another server")
        await asyncio.sleep(0)
        assert sent.qsize() == 1


async def test_a_server_that_is_asked_no_more_was_not_left_by_its_callers() -> None:
    begun = asyncio.Event()

    async def hang(request: bytes, context: Context) -> bytes:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def none() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async with serving(hang) as server:
        asking = [
            asyncio.create_task(server.ask("ModelInfer", b"x", None)),
            asyncio.create_task(anext(server.stream(none(), None))),
        ]
        await begun.wait()
        await server.close()
        asking.append(asyncio.create_task(server.ask("ModelInfer", b"x", None)))
        asking.append(asyncio.create_task(anext(server.stream(none(), None))))
        for task in asking:
            with pytest.raises(UpstreamError) as raised:
                await task
            assert raised.value.fault is Fault.SERVER
