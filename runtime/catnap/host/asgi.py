"""A function behind ASGI, called on the loop. Source: the ASGI specification,
HTTP message format 2.4."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from catnap.host.call import Answer, Call
from catnap.host.origin import is_secure, server
from catnap.host.stream import RAW, Stream
from catnap.http import Request

Message = dict[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


class Asgi:
    """Calls an application."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._running: set[asyncio.Task[None]] = set()

    def overdue(self, now: float) -> bool:
        return False  # what runs on the loop can be interrupted

    async def answer(self, call: Call) -> Answer:
        exchange = Exchange(call.request, call.body or b"")
        task = asyncio.create_task(exchange.run(self._application))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            await exchange.advance()
            if not exchange.more:
                body = exchange.part
                if exchange.status == 500:
                    # Perhaps there is an exception to come, which says more.
                    await exchange.advance()
                # The application may go on: with its background tasks.
                return Answer(exchange.status, exchange.headers, body)
        except BaseException:
            exchange.leave(task)
            raise
        stream = Stream(_parts(exchange, task), RAW)
        await stream.begin()
        return Answer(exchange.status, exchange.headers, stream)


async def _parts(exchange: Exchange, task: asyncio.Task[None]) -> AsyncGenerator[bytes, None]:
    try:
        while True:
            if exchange.part:
                yield exchange.part
            if not exchange.more:
                return
            await exchange.advance()
    finally:
        if exchange.more:
            exchange.leave(task)
            await asyncio.gather(task, return_exceptions=True)


class Exchange:
    """One request through an application, and what that answers.

    The application runs at most one part ahead of whoever takes them.
    """

    def __init__(self, request: Request, body: bytes) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.part = b""
        self.more = True
        """Whether other parts follow."""
        self._scope = scope(request)
        self._body: bytes | None = body
        self._left = False
        self._answered = False
        self._over = asyncio.Event()
        """Set when it was left or is answered: nothing more is to be received."""
        self._sent: asyncio.Queue[Message | BaseException | None] = asyncio.Queue(1)

    async def run(self, application: Application) -> None:
        """Calls the application; how it ends is the last that is sent."""
        outcome: BaseException | None = None
        try:
            await application(self._scope, self._receive, self._send)
        except BaseException as error:  # a SystemExit too is for this call alone
            outcome = error
            if self._answered and self.status != 500:
                traceback.print_exception(error)  # nobody waits for it
        if not self._left:
            await self._sent.put(outcome)

    def leave(self, task: asyncio.Task[None]) -> None:
        """Nobody waits for the answer any more: ends `run`, which task runs."""
        self._left = True
        self._over.set()
        task.cancel()

    async def advance(self) -> None:
        """Waits for the next part of the body, or the end. Raises what the
        application raised."""
        message = await self._sent.get()
        if isinstance(message, BaseException):
            raise message
        if message is not None:
            self.part, self.more = message.get("body", b""), message.get("more_body", False)
        elif self.more:
            raise RuntimeError("the function ended without an answer")

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._over.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._left:
            raise OSError("the client has gone")
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.lower(), value) for name, value in message.get("headers", ())]
        elif message["type"] == "http.response.body":
            self._answered = not message.get("more_body")
            await self._sent.put(message)
            if self._answered:
                self._over.set()


def scope(request: Request) -> Message:
    """What ASGI calls the connection's scope."""
    path, _, query = request.target.partition("?")
    secure = is_secure(request)
    host, port = server(request, "443" if secure else "80")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.0" if request.old else "1.1",
        "method": request.method,
        "scheme": "https" if secure else "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": list(request.headers.items()),
        "client": (request.client, 0) if request.client else None,
        "server": (host, int(port)),
    }
