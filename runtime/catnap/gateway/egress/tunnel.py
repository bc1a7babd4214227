"""Two connections that pass on to one another what they receive."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable

from catnap.access import Grant
from catnap.gateway.egress.head import Connect

_NO_LINGER = struct.pack("ii", 1, 0)


class End(asyncio.Protocol):
    """One side of a tunnel.

    What its own peer does not take waits in its transport. Once that is more
    than a little, the other side is not read any further.
    """

    def __init__(self, tunnel: Tunnel, transport: asyncio.Transport) -> None:
        self.other: End
        self.transport = transport
        self.received = 0
        """Bytes that came in here."""
        self.ended = False
        """Whether nothing more comes in."""
        self.full = False
        """Whether nothing more should go out for now."""
        self.lost = False
        self._tunnel = tunnel
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        self._tunnel.moved = self._tunnel.loop.time()
        self.other.transport.write(data)

    def eof_received(self) -> bool:
        self.ended = True
        if self.other.ended:
            self.other.transport.close()
            return False
        with contextlib.suppress(OSError):  # it is gone, and will be told so
            self.other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        self.full = True
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.full = False
        self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if exc is None or self.ended:
            self.other.transport.close()
        else:
            # What broke off here must not look like a proper end there.
            self.other.reset()
        self._tunnel.settle()

    def reset(self) -> None:
        if not self.lost:
            with contextlib.suppress(OSError):
                self.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER
                )
        self.transport.abort()


class Tunnel:
    """What was opened for a Grant: `near` is the skill's side, `far` the host's.

    Both transports come paused. ahead: what the skill sent without waiting.
    """

    def __init__(
        self,
        grant: Grant,
        connect: Connect,
        near: asyncio.Transport,
        far: asyncio.Transport,
        on_end: Callable[[Tunnel], None],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.grant = grant
        self.token, self.place = connect.grant, connect.place
        self.near, self.far = End(self, near), End(self, far)
        self.near.other, self.far.other = self.far, self.near
        self.began = self.moved = self.loop.time()
        self.why = ""
        """Why it was cut, where the proxy did that."""
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self._on_end = on_end

    def begin(self, ahead: bytes) -> None:
        self.near.transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        if ahead:
            self.near.data_received(ahead)
        for end in (self.near, self.far):
            if not end.other.full:
                end.transport.resume_reading()

    def cut(self, why: str) -> None:
        """Ends it, whatever is still on its way."""
        self.why = self.why or why
        self.near.reset()
        self.far.reset()

    def settle(self) -> None:
        if self.near.lost and self.far.lost and not self.closed.done():
            self.closed.set_result(None)
            self._on_end(self)
