"""What a process writes, read from a pipe."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

LONGEST = 64 * 1024
"""Bytes of a line; a longer one comes in parts."""


async def lines(descriptor: int, on_line: Callable[[bytes], None]) -> asyncio.BaseTransport:
    """Calls back with each line until the pipe ends or the transport is
    closed. Takes the descriptor over."""
    pipe = os.fdopen(descriptor, "rb", 0)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: _Lines(on_line), pipe)
    return transport


class _Lines(asyncio.Protocol):
    def __init__(self, on_line: Callable[[bytes], None]) -> None:
        self._on_line = on_line
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
