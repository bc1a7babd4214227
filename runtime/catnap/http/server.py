"""An HTTP/1.1 server: listens, watches over its connections, drains them."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING, Any

from catnap.http.date import write_date
from catnap.http.limits import DEFAULT, Limits
from catnap.http.server_connection import Handler, ServerConnection

if TYPE_CHECKING:
    import ssl

SETTLE = 0.1
"""Seconds without a new request after which a draining server believes that
its router has turned away."""

LAST_WORDS = 2.0
"""Seconds that clients then have to take their answers."""


class Server:
    """Gives every request to `handler`; see ServerConnection for how.

    handler: answers a Request with a Response. A CatnapError that it raises
    is answered as a problem document, anything else as a 500.
    """

    def __init__(self, handler: Handler, limits: Limits = DEFAULT) -> None:
        self.handler = handler
        self.limits = limits
        self.draining = False
        """Whether every answer asks its client to connect elsewhere."""
        self.served = 0
        """Requests given to the handler so far."""
        self.date = write_date(time.time())
        """The line of every answer that has no date of its own."""
        self.connections: set[ServerConnection] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    async def listen(
        self,
        *,
        host: str | None = None,
        port: int = 0,
        sock: socket.socket | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> tuple[str, int]:
        """Starts to serve on an address or a bound socket; tells where. tls: of
        an address's server; see `server_tls.server_context`."""
        loop = asyncio.get_running_loop()
        if sock is not None and sock.family == socket.AF_UNIX:
            self._server = await loop.create_unix_server(self._connection, sock=sock, backlog=1024)
        elif sock is not None:
            # asyncio turns Nagle's delay off only where the protocol is spelled out.
            sock = socket.socket(sock.family, sock.type, socket.IPPROTO_TCP, sock.detach())
            self._server = await loop.create_server(self._connection, sock=sock, backlog=1024)
        else:
            secure: dict[str, Any] = {}
            if tls is not None:
                secure = {"ssl": tls, "ssl_handshake_timeout": self.limits.head}
            self._server = await loop.create_server(
                self._connection, host, port, backlog=1024, **secure
            )
        self._sweep()
        name = self._server.sockets[0].getsockname()
        return (name[0], name[1]) if isinstance(name, tuple) else (str(name), 0)

    def _connection(self) -> ServerConnection:
        return ServerConnection(self)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self.date = write_date(time.time())
        for connection in list(self.connections):
            connection.expire(loop.time())
        self._sweeper = loop.call_later(self.limits.sweep, self._sweep)

    def stop_listening(self) -> None:
        """Takes no more connections. What waits in the backlog is reset."""
        if self._server:
            self._server.close()

    async def drain(self, grace: float) -> bool:
        """Answers what comes with `Connection: close` until nothing more
        comes, for at most `grace` seconds, and closes. True if every request
        that was begun has its whole answer: then one without was not begun.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + grace
        self.draining = True
        while (left := end - loop.time()) > 0:
            served, arriving = self.served, any(one.arriving for one in self.connections)
            busy = [connection.task for connection in self.connections if connection.task]
            if busy:
                await asyncio.wait(busy, timeout=left)
                continue
            await asyncio.sleep(min(SETTLE, left))
            if self.served == served and not arriving:
                break
        self.stop_listening()
        for connection in list(self.connections):
            connection.close_if_idle()
        end = max(loop.time(), min(end, loop.time() + LAST_WORDS))
        while self.connections and (left := end - loop.time()) > 0:
            closed = [connection.closed for connection in self.connections]
            await asyncio.wait(closed, timeout=left)
        if self._sweeper:
            self._sweeper.cancel()
        whole = not any(connection.owes for connection in self.connections)
        for connection in list(self.connections):
            connection.abort()
        return whole
