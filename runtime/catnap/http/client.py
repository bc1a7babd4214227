"""An HTTP/1.1 client: kept-alive connections to a few known places."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import TYPE_CHECKING

from catnap.errors import InvalidRequest, Unavailable
from catnap.http.client_connection import ClientConnection, ConnectionLost, NotAsked, Reply
from catnap.http.client_unix import UnixConnector
from catnap.http.fields import Fields, write_fields
from catnap.http.target import Target

if TYPE_CHECKING:
    import ssl

__all__ = ["Client", "ConnectionLost", "NotAsked", "Reply", "Target"]

_NOTHING = b"0\r\n\r\n"
"""A chunked body without a chunk."""

_VISIBLE = re.compile(r"[!-~]+\Z")


class Client:
    """Sends requests. Safe for many at once; one connection each, reused.

    connect_timeout: seconds until a place counts as not there. keep: idle
    connections to one place. idle: seconds that one is kept, which must be
    less than the other side's patience. tls: whom to trust and what to show at
    an https:// address; None for the system's authorities. A caller that is
    cancelled closes its connection, so that the other side sees it leave.
    """

    def __init__(
        self,
        connect_timeout: float = 5.0,
        keep: int = 64,
        idle: float = 60.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._idle: dict[Target, list[ClientConnection]] = {}
        self._connect_timeout = connect_timeout
        self._keep = keep
        self._patience = idle
        self._unix = UnixConnector()
        self._tls = tls

    async def request(
        self,
        target: Target,
        method: str,
        path: str,
        headers: Fields = (),
        body: bytes | AsyncIterator[bytes] = b"",
        *,
        asked: float | None = None,
    ) -> Reply:
        """Sends one request; the reply is there when its headers are.

        path: with the query. A body that is an iterator is sent chunked, or as
        it is where a `content-length` is given, and closed (`aclose`) at the
        end. Raises InvalidRequest for what cannot be
        sent, Unavailable where nothing was (its cause is the system's error),
        and ConnectionLost where the request was sent and no answer will come.

        asked: seconds within which the other side has to ask for the body
        (100-continue), which is bytes then, and is not sent before; else
        NotAsked is raised. An empty body is asked for as well.
        """
        names = dict(headers)
        chunked = False
        if asked is not None:
            assert isinstance(body, bytes)
            # Who is told that there is none does not ask for it.
            length = b"content-length: %d" % len(body) if body else b"transfer-encoding: chunked"
            framing, body = b"expect: 100-continue\r\n%b\r\n\r\n" % length, body or _NOTHING
        elif isinstance(body, bytes):
            framing = b"content-length: %d\r\n\r\n" % len(body)
        elif b"content-length" in names:
            framing = b"\r\n"
        else:
            framing, chunked = b"transfer-encoding: chunked\r\n\r\n", True
        host = b"" if b"host" in names else _host(target)
        head = _first_line(method, path) + host + write_fields(headers) + framing
        connection = self._kept(target) or await self._connect(target)
        return await connection.request(method, head, body, chunked=chunked, asked=asked)

    def _kept(self, target: Target) -> ClientConnection | None:
        """The connection that was used last."""
        idle = self._idle.get(target)
        while idle:
            connection = idle.pop()
            if connection.transport.is_closing():
                continue
            if asyncio.get_running_loop().time() - connection.released < self._patience:
                return connection
            connection.transport.close()
        return None

    async def _connect(self, target: Target) -> ClientConnection:
        loop = asyncio.get_running_loop()

        def protocol() -> ClientConnection:
            return ClientConnection(self, target)

        try:
            async with asyncio.timeout(self._connect_timeout):
                if target.path:
                    sock = await self._unix.connect(target.path)
                    _, connection = await loop.create_unix_connection(protocol, sock=sock)
                else:
                    secure = self._secure() if target.tls else None
                    _, connection = await loop.create_connection(
                        protocol, target.host, target.port, ssl=secure
                    )
        except (OSError, TimeoutError) as error:
            raise Unavailable(f"cannot connect to {target}: {str(error) or 'no answer'}") from error
        return connection

    def _secure(self) -> ssl.SSLContext:
        if self._tls is None:
            # Here, so that whoever asks no https:// address needs no ssl.
            from catnap.http.client_tls import client_context

            self._tls = client_context()
        return self._tls

    def release(self, connection: ClientConnection) -> None:
        idle = self._idle.setdefault(connection.target, [])
        if len(idle) < self._keep:
            idle.append(connection)
        else:
            connection.transport.close()

    def discard(self, connection: ClientConnection) -> None:
        """It is closed, wherever it was."""
        idle = self._idle.get(connection.target, [])
        if connection in idle:
            idle.remove(connection)
        if not idle:
            self._idle.pop(connection.target, None)

    def forget(self, target: Target) -> None:
        """Closes the idle connections to a place that is no more."""
        for connection in self._idle.pop(target, ()):
            connection.transport.close()

    async def close(self) -> None:
        idle = [each for some in self._idle.values() for each in some]
        for target in list(self._idle):
            self.forget(target)
        for connection in idle:
            # Over TLS it would wait for the other side to say that it ends, too.
            connection.transport.abort()


def _first_line(method: str, path: str) -> bytes:
    if not _VISIBLE.match(method) or not _VISIBLE.match(path):
        raise InvalidRequest(f"{method!r} {path!r}: quote what is not printable ASCII")
    return f"{method} {path} HTTP/1.1\r\n".encode()


@lru_cache(maxsize=1024)  # a client asks a few places, again and again
def _host(target: Target) -> bytes:
    return write_fields([(b"host", target.authority.encode())])
