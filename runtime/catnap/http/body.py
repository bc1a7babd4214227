"""A message's body, which may still be arriving."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from catnap.errors import CatnapError, PayloadTooLarge

MAX_BODY = 100_000_000
"""Bytes that a body may have where it is held in memory as a whole."""

HIGH_WATER = 256 * 1024
"""Bytes that may wait for their reader before the sender is made to wait."""


class Body(msgspec.Struct, eq=False):
    """Bytes from the connection that feeds it to the one reader that drains it.

    on_wait: called once, when the reader first has to wait. on_drain: called
    when there is room again after more than HIGH_WATER bytes had waited.
    """

    on_drain: Callable[[], None] | None = None
    on_wait: Callable[[], None] | None = None
    length: int | None = None
    """Bytes to come in all, where the sender said so."""
    buffered: int = 0
    """Bytes that have come and were not read yet."""
    done: bool = False
    """Whether the sender has sent everything."""
    _chunks: deque[bytes] = msgspec.field(default_factory=deque)
    _error: CatnapError | None = None
    _waiter: asyncio.Future[None] | None = None

    @property
    def unasked(self) -> bool:
        """Whether the sender may wait to be asked for it: nobody has read yet."""
        return self.on_wait is not None

    def hush(self) -> None:
        """From now on the sender is not to be asked."""
        if self.on_wait:
            self.on_wait = _nothing

    @property
    def full(self) -> bool:
        """Whether the sender should wait."""
        return self.buffered > HIGH_WATER

    def feed(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.buffered += len(chunk)
        if self._waiter:
            self._wake()

    def finish(self) -> None:
        """All of it has come."""
        self.done = True
        if self._waiter:
            self._wake()

    def fail(self, error: CatnapError) -> None:
        """No more will come, and what came is not whole."""
        if not self.done and self._error is None:
            self._error = error
            self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def whole(self) -> bytes | None:
        """The body, where it has come as a whole already in one piece or
        none, as most do. None where `read` must see to it."""
        if not self.done or len(self._chunks) > 1 or self.buffered > HIGH_WATER:
            return None
        self.buffered = 0
        return self._chunks.pop() if self._chunks else b""

    async def read(
        self, limit: int = MAX_BODY, more: Callable[[], Awaitable[None]] | None = None
    ) -> bytes:
        """The whole body. Raises PayloadTooLarge past `limit` bytes.

        more: waited for once, before more than HIGH_WATER bytes are held.
        """
        if self.length is not None and self.length > limit:
            raise too_large(self.length, limit)
        whole = bytearray()  # chunks may be tiny, and each object has its price
        async for chunk in self:
            whole += chunk
            if len(whole) > limit:
                raise too_large(len(whole), limit)
            if more and len(whole) > HIGH_WATER:
                await more()
                more = None
        return bytes(whole)

    def __aiter__(self) -> Body:
        return self

    async def __anext__(self) -> bytes:
        """Raises the error that the body failed with, after what had come."""
        while not self._chunks:
            if self.done:
                raise StopAsyncIteration
            if self._error:
                raise self._error
            if self.on_wait:
                on_wait, self.on_wait = self.on_wait, None
                on_wait()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        was_full = self.full
        chunk = self._chunks.popleft()
        self.buffered -= len(chunk)
        if was_full and not self.full and self.on_drain:
            self.on_drain()
        return chunk


def _nothing() -> None:
    pass


def too_large(size: int, limit: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        f"the body has at least {size:,} bytes, the limit is {limit:,}: "
        "put large data into a file and pass its key"
    )
