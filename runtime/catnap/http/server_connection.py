"""One client's connection to a server.

Requests of one connection are answered in their order, one at a time.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TYPE_CHECKING

from catnap.errors import CatnapError, InvalidRequest, SkillCrashed
from catnap.http.errors import RequestTimeout
from catnap.http.framing import Framing, frame
from catnap.http.message import Request, Response
from catnap.http.request_parser import RequestParser

if TYPE_CHECKING:
    from catnap.http.server import Server

Handler = Callable[[Request], Awaitable[Response]]
_log = logging.getLogger(__name__)

PIECE = 16 * 1024
"""Bytes that are parsed at once: a small request takes 40 times its own size."""


class ServerConnection(asyncio.Protocol):
    """Lives as long as its transport.

    A client that leaves cancels the handler at work for it. What is not a
    request gets its error after the answers before it, and ends the
    connection, as does an answer to a request whose body was not wanted.
    """

    def __init__(self, server: Server) -> None:
        self.task: asyncio.Task[None] | None = None
        """The request at work."""
        self._server = server
        self._limits = server.limits
        self._loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self._loop.create_future()
        self._waiting: deque[Request | CatnapError] = deque()
        self._parser = RequestParser(
            server.limits,
            self._loop.time,
            on_request=self._waiting.append,
            on_drain=self._balance,
            on_wait=self._continue,
        )
        self._held = b""
        """What came and is not parsed yet, while there is no room for it."""
        self._paused = False
        self._writable: asyncio.Future[None] | None = None
        self._unsent = 0
        self._seen = self._loop.time()
        self._idle = b""
        """What to send where the next part of an answer is long in coming."""
        self._spoke = 0.0
        """When its last part was sent."""
        self._deaf = False
        """Whether what still arrives means nothing any more."""
        self._lingering: float | None = None
        """Since when we only wait for the client to leave."""

    # --- the transport -----------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]
        peer = transport.get_extra_info("peername")
        self._client = str(peer[0]) if isinstance(peer, tuple) else ""
        secure = transport.get_extra_info("ssl_object")
        self._certificate: bytes = (secure and secure.getpeercert(binary_form=True)) or b""
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._deaf = True
        if self._parser.body:
            self._parser.body.fail(InvalidRequest("the client left before the body was whole"))
        self.resume_writing()
        if self.task:
            self.task.cancel()
        self.closed.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._seen = self._loop.time()
        if self._deaf:
            return
        if self._held or len(data) > PIECE:
            self._held += data
            self._parse_held()
        else:
            self._parse(data)
        self._next()
        self._balance()

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed(data)
        except CatnapError as error:
            self._refuse(error)

    def _parse_held(self) -> None:
        held, at = self._held, 0
        while at < len(held) and not self._deaf and not self._full:
            self._parse(held[at : at + PIECE])
            at += PIECE
        self._held = b"" if self._deaf else held[at:]

    def pause_writing(self) -> None:
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        self._seen = self._loop.time()
        if self._writable and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    @property
    def _full(self) -> bool:
        body = self._parser.body
        return len(self._waiting) > self._limits.pipeline or (body is not None and body.full)

    def _balance(self) -> None:
        """Reads from the socket only while there is room for what comes."""
        if self._parser.body is None and not self._waiting and not self._paused:
            return
        if self._held:
            self._parse_held()
        pause = self._full and not self._deaf
        if pause == self._paused or self.transport.is_closing():
            return
        self._paused = pause
        if pause:
            self.transport.pause_reading()
        else:
            self._seen = self._loop.time()
            self.transport.resume_reading()

    def expire(self, now: float) -> None:
        """Ends what the client has let wait for too long."""
        unsent = self.transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._seen = now
        self._unsent = unsent
        quiet, limits = now - self._seen, self._limits
        if self._idle and not unsent and now - self._spoke > limits.silence:
            self._write_chunk(self._idle)
        if self._lingering is not None:
            if quiet > limits.linger_stall or now - self._lingering > limits.linger:
                self.abort()
        elif unsent:
            if quiet > limits.stall:
                self.abort()
        elif self._paused:
            return
        elif self._parser.body:
            if quiet > limits.stall and not self._parser.body.unasked:
                self._refuse(RequestTimeout(f"no more of the body came for {limits.stall:g} s"))
        elif self._parser.began is not None:
            if now - self._parser.began > limits.head:
                self._refuse(RequestTimeout(f"the headers took more than {limits.head:g} s"))
                self._next()
        elif self.task is None and quiet > limits.idle:
            self._end()

    def close_if_idle(self) -> None:
        if self.task is None and self._lingering is None and not self.arriving:
            self._end()

    @property
    def arriving(self) -> bool:
        """Whether the head of a request has begun and is not whole yet."""
        return self._parser.began is not None

    @property
    def owes(self) -> bool:
        """Whether an answer is being made or on its way."""
        return self.task is not None or bool(self.transport.get_write_buffer_size())

    def abort(self) -> None:
        self.transport.abort()

    def _end(self) -> None:
        # A second time, asyncio's TLS would forget what it still has to send.
        if not self.transport.is_closing():
            self.transport.close()

    # --- the answers -----------------------------------------------------------------

    def _continue(self) -> None:
        self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _refuse(self, error: CatnapError) -> None:
        """What arrives is not, or no longer, a request."""
        self._deaf = True
        self._parser.began = None
        if self._parser.body:
            self._parser.body.fail(error)
            self._parser.body = None
        else:
            self._waiting.append(error)

    def _next(self) -> None:
        if self.task is not None or not self._waiting or self.transport.is_closing():
            return
        request = self._waiting.popleft()
        if isinstance(request, CatnapError):
            response = Response.error(request)
            assert isinstance(response.body, bytes)
            self.transport.write(
                frame(response, keep_alive=False, date=self._server.date).head + response.body
            )
            self._linger()
        else:
            self._server.served += 1
            # What the loop's create_task does, without the detour through uvloop's.
            self.task = asyncio.Task(self._serve(request), loop=self._loop, name="catnap-request")

    async def _serve(self, request: Request) -> None:
        request.client = self._client
        request.certificate = self._certificate
        method, old = request.method, request.old
        keep_alive = False
        try:
            try:
                response = await self._server.handler(request)
            except CatnapError as error:
                response = Response.error(error)
            except Exception:
                _log.exception("%s %s failed", method, request.path)
                response = Response.error(
                    SkillCrashed("an internal error; the server's log has it")
                )
            if self.transport.is_closing():
                await _close(response.body)  # the handler went on, though its client had left
                return
            if not request.body.done:
                request.body.hush()  # a 100 (Continue) would now be part of the answer
            elif request.keep_alive:
                keep_alive = not self._server.draining
            date = self._server.date
            try:
                framing = frame(response, method=method, keep_alive=keep_alive, old=old, date=date)
            except InvalidRequest as error:
                _log.error("the answer to %s cannot be sent: %s", request.path, error.message)
                await _close(response.body)
                response = Response.error(SkillCrashed(f"it cannot be sent: {error.message}"))
                framing = frame(response, method=method, keep_alive=keep_alive, old=old, date=date)
            keep_alive = framing.keep_alive
            body = response.body
            if isinstance(body, bytes):
                self.transport.write(framing.head + body if framing.has_body else framing.head)
                if self._writable:
                    await self._writable
            else:
                await self._send(body, framing, response.idle)
        except asyncio.CancelledError:
            self.abort()
            raise
        except Exception:
            # The answer had begun: all that is left is to break it off.
            _log.exception("an answer to %s %s broke off", request.method, request.path)
            self.abort()
        finally:
            self.task = None
        if not self.transport.is_closing():
            if keep_alive:
                if self._waiting:
                    self._next()
                self._balance()
            else:
                self._linger()

    async def _send(self, parts: AsyncIterable[bytes], framing: Framing, idle: bytes) -> None:
        try:
            self.transport.write(framing.head)
            if framing.has_body:
                self._spoke = self._loop.time()
                self._idle = idle if framing.chunked else b""
                await self._send_parts(parts, framing)
        finally:
            self._idle = b""
            await _close(parts)

    async def _send_parts(self, parts: AsyncIterable[bytes], framing: Framing) -> None:
        left = framing.length
        async for part in parts:
            if self.transport.is_closing():
                return
            if not part:
                continue
            if left is not None:
                left -= len(part)
                if left < 0:
                    raise ValueError("the body is longer than its content-length")
            if framing.chunked:
                self._write_chunk(part)
            else:
                self.transport.write(part)
            if self._writable:
                await self._writable
        if left:
            raise ValueError(f"the body ended {left:,} bytes before its content-length")
        if framing.chunked:
            self.transport.write(b"0\r\n\r\n")

    def _write_chunk(self, part: bytes) -> None:
        self._spoke = self._loop.time()
        self.transport.write(b"%x\r\n%b\r\n" % (len(part), part))

    def _linger(self) -> None:
        """Closes our side and throws the rest away, so that a client still
        sending reads our answer instead of a reset."""
        self._deaf = True
        self._lingering = self._seen = self._loop.time()
        self._waiting.clear()
        self._balance()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self._end()


async def _close(body: bytes | AsyncIterable[bytes]) -> None:
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()
