"""A connection to the proxy, until it is a tunnel or was refused."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from catnap.access import Grant
from catnap.errors import CatnapError, SkillCrashed
from catnap.gateway.egress.head import find_end, parse_head
from catnap.http.errors import RequestTimeout
from catnap.http.framing import frame
from catnap.http.message import Response
from catnap.skills.hosts import Place

if TYPE_CHECKING:
    from catnap.gateway.egress.proxy import Proxy

_AHEAD = 64 * 1024
"""Bytes a client may send before its tunnel is there."""

_log = logging.getLogger(__name__)


class Client(asyncio.Protocol):
    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        """When it connected, or was refused."""
        self._data = bytearray()
        self._opening: asyncio.Task[None] | None = None
        self._refused = False
        self.transport: asyncio.Transport
        self.address = ""
        self.grant: Grant | None = None
        self.place: Place | None = None
        """For whom and where to, as far as that is known."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else ""
        if not self._proxy.enter(self):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._proxy.leave(self)
        if self._opening:
            self._opening.cancel()

    def eof_received(self) -> bool:
        """It has left: nobody half-closes a tunnel that is not there yet."""
        return False

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._data += data
        if self._opening:
            if len(self._data) > _AHEAD:
                self.transport.pause_reading()
            return
        try:
            end = find_end(self._data, self._proxy.limits.head_bytes)
            if end:
                head, ahead = bytes(self._data[:end]), self._data[end:]
                self._data = ahead
                self._opening = self._loop.create_task(self._open(head))
        except CatnapError as error:
            self.refuse(error)

    async def _open(self, head: bytes) -> None:
        try:
            connect = parse_head(head)
            self.place = connect.place
            tunnel = await self._proxy.open(self, connect)
        except CatnapError as error:
            self.refuse(error)
        except Exception:
            _log.exception("a tunnel could not be opened")
            self.refuse(SkillCrashed("an internal error; the gateway's log has it"))
        else:
            self._proxy.leave(self)
            tunnel.begin(bytes(self._data))

    def expire(self, now: float) -> None:
        limits = self._proxy.limits
        if self._refused:
            if now - self._since > limits.linger:
                self.transport.abort()
        elif self._opening is None and now - self._since > limits.head:
            self.refuse(RequestTimeout(f"the headers took more than {limits.head:g} s"))

    def refuse(self, error: CatnapError) -> None:
        """Answers with a problem document, whose message is the reason phrase
        too: of a failed CONNECT most clients show nothing else."""
        self._refused = True
        self._since = self._loop.time()
        self._data.clear()
        self._proxy.records.refused(error, self.grant, self.place)
        response = Response.error(error)
        assert isinstance(response.body, bytes)
        framed = frame(response, keep_alive=False).head
        reason = " ".join(error.message.split())[:400].encode("ascii", "replace")
        first = b"HTTP/1.1 %d %b" % (error.http, reason)
        self.transport.write(first + framed[framed.index(b"\r\n") :] + response.body)
        # It may still be sending: closing now would take the answer away.
        self.transport.resume_reading()
        self.transport.write_eof()
