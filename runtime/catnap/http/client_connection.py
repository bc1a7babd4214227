"""A client's connection: one request at work at most, its answer parsed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httptools
import msgspec

from catnap.errors import CatnapError, SkillCrashed, Unavailable
from catnap.http.body import MAX_BODY, Body
from catnap.http.fields import NAMES, joined
from catnap.http.target import Target

if TYPE_CHECKING:
    from catnap.http.client import Client

MAX_HEADERS = 64 * 1024
"""Bytes of headers that a reply may have, those of interim replies before it
and its trailers included."""


CONTINUE = 100


class ConnectionLost(SkillCrashed):
    """The other side went away after the request was sent."""


class NotAsked(Unavailable):
    """The other side did not ask for the body in time: it has none of it."""


class Reply(msgspec.Struct, eq=False):
    """A response whose body may still be arriving: read it, or close it.

    fields: the headers one by one; a list of cookies cannot be joined.
    """

    status: int
    headers: dict[bytes, bytes]
    fields: list[tuple[bytes, bytes]]
    body: Body
    _connection: ClientConnection

    async def read(self, limit: int = MAX_BODY) -> bytes:
        """The whole body. Raises PayloadTooLarge past `limit` bytes."""
        try:
            whole = self.body.whole() if self.body.buffered <= limit else None
            return await self.body.read(limit) if whole is None else whole
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Gives up on the rest of the body."""
        if not self.body.done:
            self._connection.transport.abort()


class ClientConnection(asyncio.Protocol):
    """Lives as long as its transport, and goes back to its client between requests."""

    def __init__(self, client: Client, target: Target) -> None:
        self.client = client
        self.target = target
        self.released = 0.0
        """When it became idle, in the loop's time."""
        self._reply: asyncio.Future[Reply]
        self._writable: asyncio.Future[None] | None = None
        self._asked: asyncio.Future[None] | None = None
        self._body: Body | None = None
        self._paused = False
        self._busy = False
        self._sent = False
        self._complete = False
        self._silent = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._loop = asyncio.get_running_loop()

    # --- sending -------------------------------------------------------------------

    async def request(
        self,
        method: str,
        head: bytes,
        body: bytes | AsyncIterator[bytes],
        *,
        chunked: bool,
        asked: float | None = None,
    ) -> Reply:
        """Sends a head and its body; the reply is there when its headers are.
        asked: as the client has it."""
        reply: asyncio.Future[Reply] = self._loop.create_future()
        self._reply = reply
        try:
            self._begin(method)
            if asked is None:
                await self._send(head, body, chunked=chunked)
            elif await self._is_asked(head, asked):
                await self._send(b"", body, chunked=chunked)
            return await reply
        except BaseException:
            if reply.done() and not reply.cancelled() and reply.exception() is None:
                # It came as its caller left. Where it is whole, the connection
                # is idle by now, or another's.
                reply.result().close()
            else:
                self.transport.abort()
            raise

    def _begin(self, method: str) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._method = method
        self._busy, self._sent, self._complete = True, False, False
        self._silent = self._header_bytes = 0

    async def _is_asked(self, head: bytes, seconds: float) -> bool:
        """Sends the head, and returns when the body is asked for; False where
        there is an answer before that, or the end. Raises NotAsked."""
        self._asked = self._loop.create_future()
        self.transport.write(head)
        try:
            async with asyncio.timeout(seconds):
                await self._asked
        except TimeoutError:
            raise NotAsked(
                f"{self.target} has not begun with a request within {seconds:g} s"
            ) from None
        finally:
            self._asked = None
        return not self._reply.done()

    async def _send(
        self, head: bytes, body: bytes | AsyncIterator[bytes], *, chunked: bool
    ) -> None:
        """Returns when all is sent, or when it is answered before that."""
        if isinstance(body, bytes):
            self.transport.write(head + body)
            self._sent = self._writable is None or await self._drained()
            return
        self.transport.write(head)
        try:
            async for chunk in body:
                if chunk:
                    framed = b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk
                    self.transport.write(framed)
                if not await self._drained():
                    return
        finally:
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()
        if chunked:
            self.transport.write(b"0\r\n\r\n")
        self._sent = True

    async def _drained(self) -> bool:
        """Waits until there is room to send more; False where an answer, or
        the end of the connection, has made that needless."""
        if self._writable and not self._reply.done():
            await self._writable
        return not self._reply.done()

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        self._wake_sender()
        self._writable = None

    def _wake_sender(self) -> None:
        for each in (self._writable, self._asked):
            if each and not each.done():
                each.set_result(None)

    # --- receiving -----------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if not self._busy:
            self.transport.abort()  # nobody has asked for anything
            return
        self._silent += len(data)
        try:
            self._parser.feed_data(data)
            if self._silent > MAX_HEADERS:
                # httptools keeps a header to itself until it has the whole of it.
                raise httptools.HttpParserError(f"a line of more than {MAX_HEADERS:,} bytes")
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            said = error.__context__ or error
            self._fail(SkillCrashed(f"{self.target} answered what is not HTTP/1.1: {said}"))
            self.transport.abort()
            return
        if self._complete:
            self._release()
        else:
            self._balance()

    def connection_lost(self, exc: Exception | None) -> None:
        self.client.discard(self)
        if self._body and self._until_close and exc is None:
            self._body.finish()
        self._fail(ConnectionLost(f"{self.target} closed the connection before it had answered"))
        self.resume_writing()

    def _fail(self, error: CatnapError) -> None:
        if self._busy and not self._reply.done():
            self._reply.set_exception(error)
            self._reply.exception()  # the sender may have left: nobody need ask
        if self._body:
            self._body.fail(error)

    def _release(self) -> None:
        self._busy = False
        # A caller that has left will abort it: then it must not be another's.
        left = self._reply.cancelled() or self.transport.is_closing()
        if self._sent and self._keep_alive and not left:
            self.released = self._loop.time()
            self._balance()
            self.client.release(self)
        else:
            self.transport.abort()

    def _balance(self) -> None:
        pause = self._body is not None and self._body.full
        if pause == self._paused or self.transport.is_closing():
            return
        self._paused = pause
        if pause:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    # --- the parser ----------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._complete:
            raise SkillCrashed("more than one answer")
        self._fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self._silent = 0
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADERS:
            raise SkillCrashed(f"more than {MAX_HEADERS:,} bytes of headers")
        self._fields.append((NAMES[name], value.rstrip()))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            if status == CONTINUE and self._asked:
                self._wake_sender()
            return
        fields, self._fields = self._fields, []  # what comes now are trailers
        headers = dict(fields)
        if len(headers) < len(fields):
            headers = joined(fields)
        coding = headers.get(b"transfer-encoding")
        if coding is not None and coding.lower() != b"chunked":
            raise SkillCrashed(f"the transfer-encoding {coding!r}")
        body = self._body = Body(self._balance)
        length = headers.get(b"content-length")
        framed = length is not None or coding is not None
        bodiless = self._method == "HEAD" or status in (204, 304)
        self._until_close = not framed and not bodiless
        self._keep_alive = self._parser.should_keep_alive() or (
            bodiless
            and self._parser.get_http_version() == "1.1"
            and b"close" not in headers.get(b"connection", b"").lower()
        )
        if bodiless:
            self.on_message_complete()
        else:
            body.length = int(length) if length is not None else None
        if not self._reply.done():
            self._reply.set_result(Reply(status, headers, fields, body, self))
            self._wake_sender()

    def on_body(self, chunk: bytes) -> None:
        if self._complete:
            raise SkillCrashed("a body where there can be none")
        self._silent = 0
        if self._body:
            self._body.feed(chunk)

    def on_message_complete(self) -> None:
        if self._body:
            self._body.finish()
            self._body = None
            self._complete = True
