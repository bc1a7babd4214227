"""Requests of the Open Inference Protocol as fast as they are answered: bytes out, bytes in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from itertools import cycle
from types import TracebackType
from typing import Any

from grpc import aio

from bench.peers.relay import UNLIMITED
from bench.peers.tensors import SERVICE

WINDOW = 32
"""Requests of one stream that are not answered yet."""


@dataclass
class Load:
    """count: of answers. took: seconds of each."""

    count: int = 0
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)


class Client:
    """One connection. key: what the gateway wants to know of who asks."""

    def __init__(self, address: str, key: str = "") -> None:
        # A connection of its own, not one that grpc shares in this process.
        options = [*UNLIMITED, ("grpc.use_local_subchannel_pool", 1)]
        self._channel = aio.insecure_channel(address, options=options)
        self._metadata = (("authorization", f"Bearer {key}"),) if key else None
        self._infer: Any = self._channel.unary_unary(SERVICE + "ModelInfer")
        self._stream: Any = self._channel.stream_stream(SERVICE + "ModelStreamInfer")

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._channel.close()

    async def infer(self, *raw: bytes, inflight: int, seconds: float) -> Load:
        """So many requests at a time; they take turns."""
        turns = cycle(raw)

        async def ask(load: Load) -> None:
            began = time.perf_counter()
            await self._infer(next(turns), metadata=self._metadata)
            load.took.append(time.perf_counter() - began)
            load.count += 1

        return await _together(ask, inflight, seconds)

    async def pieces(self, raw: bytes, streams: int, seconds: float) -> Load:
        """So many streams at a time, of one request each, which is answered in pieces."""

        async def ask(load: Load) -> None:
            async for _ in self._stream(_each([raw]), metadata=self._metadata):
                load.count += 1

        return await _together(ask, streams, seconds)

    async def sequence(self, raw: bytes, streams: int, seconds: float) -> Load:
        """So many streams at a time, of requests that are answered one by one."""
        until = time.perf_counter() + seconds

        async def ask(load: Load) -> None:
            room = asyncio.Semaphore(WINDOW)

            async def requests() -> AsyncIterator[bytes]:
                while time.perf_counter() < until:
                    await room.acquire()
                    yield raw

            async for _ in self._stream(requests(), metadata=self._metadata):
                room.release()
                load.count += 1

        return await _together(ask, streams, seconds)


async def _each(messages: list[bytes]) -> AsyncIterator[bytes]:
    for message in messages:
        yield message


async def _together(ask: Callable[[Load], Awaitable[None]], many: int, seconds: float) -> Load:
    load, began = Load(), time.perf_counter()

    async def again() -> None:
        while time.perf_counter() - began < seconds:
            await ask(load)

    await asyncio.gather(*(again() for _ in range(many)))
    load.seconds = time.perf_counter() - began
    return load
