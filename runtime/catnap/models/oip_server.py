"""A server of the Open Inference Protocol, asked over gRPC. What it is asked and
what it answers pass as the bytes they are: nothing here looks inside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import suppress

from grpc import aio

from catnap.models.verdict import UpstreamError, of_grpc

MESSAGE = 256 << 20
"""Bytes of the largest message, either way."""

SERVICE = "/inference.GRPCInferenceService/"

_OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE),
    ("grpc.max_send_message_length", MESSAGE),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    # Servers end the connection of who pings them more than every 300 s, and all
    # that is at work on it. Data that nobody acknowledges is noticed in 5 s.
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.keepalive_timeout_ms", 5_000),
]
_PUSHBACK = "grpc-retry-pushback-ms"


class OipServer:
    """One server. Many requests share its connection. Its methods raise
    UpstreamError, and end the request there where their caller leaves."""

    def __init__(self, address: str, model: str) -> None:
        """address: host:port, or unix:PATH. model: the name that errors give."""
        self.address = address
        self._model = model
        self._channel = aio.insecure_channel(address, options=_OPTIONS)
        self._unary: dict[str, aio.UnaryUnaryMultiCallable[bytes, bytes]] = {}
        self._streams: aio.StreamStreamMultiCallable[bytes, bytes] = self._channel.stream_stream(
            SERVICE + "ModelStreamInfer"
        )

    async def ask(
        self, method: str, request: bytes, timeout: float | None, traceparent: str = ""
    ) -> bytes:
        """One request, one answer. method: of the protocol, such as ModelInfer.
        traceparent: what it is a part of, if anybody knows."""
        call = self._unary.get(method)
        if call is None:
            call = self._unary[method] = self._channel.unary_unary(SERVICE + method)
        try:
            return await call(request, timeout=timeout, metadata=_metadata(traceparent))
        except aio.AioRpcError as error:
            raise self._error(error) from None
        except aio.UsageError:
            raise self._closed() from None
        except asyncio.CancelledError:
            self._unless_cancelled()
            raise

    async def stream(
        self, requests: AsyncIterator[bytes], timeout: float | None, traceparent: str = ""
    ) -> AsyncGenerator[bytes, None]:
        """ModelStreamInfer: answers come as they do, whatever each is to. Of the
        requests none is taken once this has ended."""
        try:
            call = self._streams(timeout=timeout, metadata=_metadata(traceparent))
        except aio.UsageError:
            raise self._closed() from None
        writing = asyncio.create_task(_write(call, requests))
        try:
            async for answer in call:
                yield answer
        except aio.AioRpcError as error:
            raise self._error(error) from None
        except asyncio.CancelledError:
            self._unless_cancelled()
            raise
        finally:
            writing.cancel()
            call.cancel()
            await asyncio.wait([writing])

    async def connects(self, patience: float) -> bool:
        """Whether there is a connection, after so many seconds at most: one that
        failed is tried anew only after a while."""
        try:
            async with asyncio.timeout(patience):
                await self._channel.channel_ready()
        except (TimeoutError, aio.UsageError):
            return False
        return True

    async def close(self, grace: float = 0.0) -> None:
        """What is at work has so many seconds to end."""
        await self._channel.close(grace)

    def _unless_cancelled(self) -> None:
        """gRPC says likewise that its connection was closed, and that its caller left."""
        task = asyncio.current_task()
        if task and not task.cancelling():
            raise self._closed() from None

    def _closed(self) -> UpstreamError:
        return of_grpc(self._model, "UNAVAILABLE", "it is asked no more")

    def _error(self, error: aio.AioRpcError) -> UpstreamError:
        trailers = dict(error.trailing_metadata() or ())
        return of_grpc(self._model, error.code().name, error.details() or "", _seconds(trailers))


async def _write(call: aio.StreamStreamCall[bytes, bytes], requests: AsyncIterator[bytes]) -> None:
    # Whatever ended it is said where its answers are read.
    with suppress(aio.AioRpcError, aio.UsageError, asyncio.InvalidStateError):
        async for request in requests:
            await call.write(request)
        await call.done_writing()


def _metadata(traceparent: str) -> tuple[tuple[str, str], ...] | None:
    return (("traceparent", traceparent),) if traceparent else None


def _seconds(trailers: Mapping[str, str | bytes]) -> float | None:
    """When the server wants to be asked again, where it says so."""
    try:
        return max(0.0, int(trailers[_PUSHBACK]) / 1000)
    except (KeyError, ValueError):
        return None
