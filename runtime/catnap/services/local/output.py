"""What a process writes, read from a pipe."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

LONGEST = 64 * 1024
"""Bytes of a line; a longer one comes in parts."""


async def lines(
    descriptor: int,
    on_line: Callable[[bytes], None],
    on_end: Callable[[], None] | None = None,
) -> asyncio.BaseTransport:
    """Calls back with each line until the pipe ends or the transport is
    closed, and then once more. Takes the descriptor over."""
    pipe = os.fdopen(descriptor, "rb", 0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: _Lines(on_line, on_end), pipe)
    return transport


class _Lines(asyncio.Protocol):
    def __init__(self, on_line: Callable[[bytes], None], on_end: Callable[[], None] | None) -> None:
        self._on_line = on_line
        self._on_end = on_end
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_line(line)
        while len(self._rest) > LONGEST:
            self._on_line(self._rest[:LONGEST])
            self._rest = self._rest[LONGEST:]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest:
            self._on_line(self._rest)
            self._rest = b""
        if self._on_end:
            self._on_end()
