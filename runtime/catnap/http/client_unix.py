"""Connections to a Unix socket whose owner may be slow to accept them."""

from __future__ import annotations

import asyncio
import socket
from weakref import WeakValueDictionary

PAUSE = 0.005
"""Seconds until it is tried again whether there is room."""


class UnixConnector:
    """Connects one caller of a path after the other.

    Where a backlog is full the kernel says EAGAIN, and nothing comes of that
    attempt: asyncio would take it for one under way. Source: connect(2).
    """

    def __init__(self) -> None:
        self._lines: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def connect(self, path: str) -> socket.socket:
        """Waits for room without end. Raises OSError as the kernel does."""
        line = self._lines.get(path)
        if line is None:
            line = self._lines[path] = asyncio.Lock()
        async with line:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                sock.setblocking(False)
                while not _connected(sock, path):  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(PAUSE)
            except BaseException:
                sock.close()
                raise
            return sock


def _connected(sock: socket.socket, path: str) -> bool:
    try:
        sock.connect(path)
    except BlockingIOError:
        return False
    return True
