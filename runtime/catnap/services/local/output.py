"""What a process writes, read from a pipe."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

LONGEST = 64 * 1024
"""Bytes of a line; a longer one comes in parts."""

_PIECE = 64 * 1024


async def lines(
    descriptor: int,
    on_line: Callable[[bytes], None],
    on_end: Callable[[], None] | None = None,
) -> asyncio.BaseTransport:
    """Calls back with each line until the pipe ends or the transport is
    closed, and then once more. Takes the descriptor over."""
    return _Lines(descriptor, on_line, on_end)


class _Lines(asyncio.BaseTransport):
    """Reads by itself: a pipe that uvloop reads is closed twice, and between the
    two its number may be that of another thread's file."""

    def __init__(
        self,
        descriptor: int,
        on_line: Callable[[bytes], None],
        on_end: Callable[[], None] | None,
    ) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._on_line = on_line
        self._on_end = on_end
        self._rest = b""
        self._open = True
        self._loop = asyncio.get_running_loop()
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _PIECE)
        except BlockingIOError:
            return
        if not data:
            self.close()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._on_line(line)
        while len(self._rest) > LONGEST:
            self._on_line(self._rest[:LONGEST])
            self._rest = self._rest[LONGEST:]

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._loop.call_soon(self._ended)

    def _ended(self) -> None:
        if self._rest:
            self._on_line(self._rest)
        if self._on_end:
            self._on_end()
