"""A function behind WSGI, called in threads. Source: PEP 3333."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from threading import Lock
from types import TracebackType
from typing import Any

from catnap.host.call import Answer, Call
from catnap.host.stream import RAW, Stream
from catnap.host.threads import Threads
from catnap.host.wsgi_environ import Environ, environ
from catnap.http import Request

Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]

AT_ONCE = 1_000_000
"""Bytes up to which a body of known length is read before it is sent."""


class Wsgi:
    """Calls an application."""

    def __init__(self, application: Application, threads: Threads) -> None:
        self._application = application
        self._threads = threads
        self._closing: set[asyncio.Task[None]] = set()

    def overdue(self, now: float) -> bool:
        return self._threads.overdue(now)

    async def answer(self, call: Call) -> Answer:
        exchange = Exchange(self._application, call.request, call.body or b"")
        try:
            await self._threads.run(exchange.begin, deadline=call.expires)
        except BaseException:
            self._close_later(exchange)
            raise
        if not exchange.more and exchange.length is not None:
            return Answer(exchange.status, exchange.headers, exchange.part)
        stream = Stream(self._parts(exchange, call), RAW)
        await stream.begin()
        return Answer(exchange.status, exchange.headers, stream)

    async def _parts(self, exchange: Exchange, call: Call) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                if exchange.part:
                    yield exchange.part
                if not exchange.more:
                    return
                await self._threads.run(exchange.next, deadline=call.expires)
        except GeneratorExit:
            await self._threads.run(exchange.close, deadline=call.expires)
            raise
        finally:
            self._close_later(exchange)

    def _close_later(self, exchange: Exchange) -> None:
        """Nobody waits for the answer any more, perhaps because its deadline
        has passed: then a thread may be at work on it still."""
        if not exchange.closed:
            task = asyncio.create_task(self._threads.run(exchange.close))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


class Exchange:
    """One request through an application, and what that answers.

    `begin`, `next` and `close` block, and may run in different threads: they
    share one context, as the application expects, and take turns.
    """

    def __init__(self, application: Application, request: Request, body: bytes) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.length: int | None = None
        """Bytes of the body, where the application says so."""
        self.part = b""
        self.more = True
        """Whether other parts follow; where not, the result is closed."""
        self.closed = False
        self._application = application
        self._environ = environ(request, body)
        self._context = contextvars.copy_context()
        self._turn = Lock()
        self._given_up = False
        self._result: Iterable[bytes] = ()
        self._parts: Iterator[bytes] = iter(())
        self._written: list[bytes] = []
        self._sent = False

    def begin(self) -> None:
        """Calls the application, up to the first part of the body; a short one
        of known length is read as a whole."""
        self._take_turn(self._begin)

    def next(self) -> None:
        """Goes on to the next part, or to the end, which has none."""
        self._take_turn(self._next)

    def close(self) -> None:
        """Once, when nothing else is at work: else what is sees to it."""
        self._given_up = True
        if self._turn.acquire(blocking=False):
            try:
                self._context.run(self._close)
            finally:
                self._turn.release()

    def _take_turn(self, work: Callable[[], None]) -> None:
        try:
            with self._turn:
                self._context.run(work)
        finally:
            if self._given_up:
                self.close()

    def _begin(self) -> None:
        self._result = self._application(self._environ, self._start)
        self._parts = iter(self._result)
        self._next()
        length = dict(self.headers).get(b"content-length", b"")
        self.length = int(length) if length.isdigit() else None
        if self.length is not None and self.length <= AT_ONCE:
            found = []
            while self.more:
                found.append(self.part)
                self._next()
            self.part = b"".join(found)

    def _next(self) -> None:
        self.part = self._written.pop(0) if self._written else b""
        while not self.part:
            following = next(self._parts, None)
            # What was written meanwhile comes before what was yielded.
            self.part = b"".join([*self._written, following or b""])
            self._written.clear()
            if following is None:
                self.more = bool(self.part)
                break
        if not self.status:
            raise AssertionError("the application did not call start_response")
        self._sent = True
        if not self.more:
            self._close()

    def _close(self) -> None:
        if not self.closed:
            self.closed = True
            close = getattr(self._result, "close", None)
            if close is not None:
                close()

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None and self._sent:
            raise exc_info[1].with_traceback(exc_info[2])
        if exc_info is None and self.status:
            raise AssertionError("the application called start_response twice")
        number = status.partition(" ")[0]
        if not number.isdecimal() or not 200 <= int(number) <= 999:
            raise ValueError(f"the function answered with status {status!r}")
        self.status = int(number)
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        return self._written.append
