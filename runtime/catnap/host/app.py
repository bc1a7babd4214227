"""The handler of an instance: from a request to the function and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NoReturn, TypeVar

from catnap.errors import CatnapError, DeadlineExceeded, SkillCrashed, Unavailable
from catnap.host import blame, output
from catnap.host.call import Call, Function, may_stream, read_deadline, read_event, read_timeout
from catnap.host.deadlines import Deadlines
from catnap.host.folders import Folders
from catnap.host.gate import Gate
from catnap.host.stream import Stream
from catnap.host.trace import read_traceparent
from catnap.host.watchdog import LATE
from catnap.http import Client, Request, Response, Target
from catnap.http.errors import MethodNotAllowed
from catnap.http.fields import write_fields
from catnap.skills import Context
from catnap.skills.gateway import Gateway, HttpGateway, NoGateway

T = TypeVar("T")
_NO_GATEWAY = NoGateway()
_FAULTS = (Exception, SystemExit, asyncio.CancelledError)
"""What a function may raise. A KeyboardInterrupt is not its own."""


class App:
    """Answers every request that reaches an instance.

    timeout: seconds a call may take at most. workspaces: the folder that holds
    those of sessions, where the platform keeps them. keeps: the one for those
    that are kept from here. instance: its name, which every answer carries.
    timings: parts of Server-Timing in milliseconds that the first answer carries,
    to tell its caller what the start of the instance cost.
    """

    def __init__(
        self,
        function: Function,
        *,
        name: str,
        folder: str,
        concurrency: int,
        timeout: float,
        callback: Target | None = None,
        egress: Target | None = None,
        workspaces: str = "",
        keeps: str = "",
        instance: str = "",
        timings: dict[str, float] | None = None,
        installs: bool = False,
    ) -> None:
        self.function = function
        self.name = name
        self.draining = False
        self.ready = b""
        """Since when it is, and what that took, for Knative's activator to pass
        on: to a call that it held until an instance was there."""
        self._methods = function.methods
        self._folder = folder
        self.gate = Gate(concurrency)
        self._deadlines = Deadlines()
        self._timeout = timeout
        self._callback = callback
        self._egress = egress
        self._client = Client()
        self._folders = Folders(workspaces, keeps, self._client, callback, instance)
        self._lines = write_fields([(b"catnap-instance", instance.encode())]) if instance else b""
        """Of every answer."""
        self._restore = _restore() if installs else None
        self._timings = {} if timings is None else timings

    async def __call__(self, request: Request) -> Response:
        if request.method in ("GET", "HEAD") and request.path == "/healthz":
            return self._health()
        try:
            if request.method not in self._methods and self._methods:
                takes = ", ".join(self._methods)
                said = f"{request.method} is not taken here: send {takes}"
                raise MethodNotAllowed(said, self._methods)
            body = request.body.whole()
            arriving = body is None and self.function.takes_stream and may_stream(request)
            took, queue = 0.0, None
            if arriving:
                body = b""
            elif body is None:
                body, took, queue = await self._arrival(request)
            try:
                call = self._read(request, body, took, arriving=arriving)
            except BaseException:
                if queue is not None:
                    self.gate.leave()
                raise
            if queue is None:
                queue = 0.0 if self.gate.try_enter() else await self._wait(call)
            if self._folders.wants(call):
                queue += await self._settle(call)
            self._deadlines.add(call)
            began = time.perf_counter()
            # What `guard` does, without its cost to every call.
            try:
                if self._restore is not None:
                    await self._restore(call.context, self._timings)
                    began = time.perf_counter()
                answer = await self.function.answer(call)
                if call.interrupted:
                    raise asyncio.CancelledError
            except _FAULTS as error:
                left = isinstance(error, asyncio.CancelledError) and call.task.cancelling()
                call.whole = not (left or call.late)
                self.end(call)
                self._fail(call, error)
            sent: bytes | _Parts
            if isinstance(answer.body, bytes):
                call.whole = True
                self.end(call)
                sent = answer.body
            else:
                sent = _Parts(self, call, answer.body)
            timing = self._server_timing(queue, time.perf_counter() - began)
            lines = answer.lines + timing + self._lines
            response = Response(answer.status, answer.headers, sent, answer.idle, lines)
        except CatnapError as error:
            response = Response.error(error)
            response.lines = self._lines
        if self.ready and b"k-proxy-request" in request.headers:
            response.headers.append((b"catnap-ready", self.ready))
        return response

    def _health(self) -> Response:
        if self.draining:
            return Response.error(Unavailable("draining: this instance is about to end"))
        now = asyncio.get_running_loop().time()
        if self.function.overdue(now) or self.late(now - LATE):
            return Response.error(
                Unavailable("a call runs on past its deadline and cannot be interrupted")
            )
        return Response.json(b'{"status":"ok"}')

    async def _arrival(self, request: Request) -> tuple[bytes, float, float | None]:
        """The body of a request whose head came before it, and the seconds that
        took. Most of a long one is read only when its call has a place, so that
        memory holds none that wait: then the seconds for the place are given too.
        A client that is slow to send has none before that."""
        began = time.perf_counter()
        queue: float | None = None

        async def place() -> None:
            nonlocal queue
            arrived = time.perf_counter()
            await self.gate.enter()
            queue = time.perf_counter() - arrived

        try:
            async with asyncio.timeout(read_timeout(request, self._timeout)):
                body = await request.body.read(more=place)
                return body, time.perf_counter() - began, queue
        except BaseException as error:
            if queue is not None:
                self.gate.leave()
            if isinstance(error, TimeoutError):
                raise DeadlineExceeded(
                    "the body did not arrive within the time that the call had"
                ) from None
            raise

    def _read(self, request: Request, body: bytes, took: float, *, arriving: bool) -> Call:
        """took: seconds that the body has taken to arrive."""
        event = read_event(request, body, self.name)
        now = time.time()
        deadline = read_deadline(request, event, now - took, self._timeout)
        if deadline <= now:
            raise DeadlineExceeded("the call's deadline had passed when it arrived")
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        named = event.extensions.get
        context = Context(
            event=event,
            tenant=named("tenantid", ""),
            user=named("userid", ""),
            session=named("sessionid", ""),
            task=named("taskid", ""),
            parent=named("parenttaskid", ""),
            traceparent=read_traceparent(request, event),
            deadline=deadline,
            gateway=self._gateway(request),
            loop=loop,
            folder=self._folders.given(request),
        )
        output.running.set(context)
        return Call(request, body, event, context, loop.time() + deadline - now, task, arriving)

    def _gateway(self, request: Request) -> Gateway:
        if self._callback is None:
            return _NO_GATEWAY
        authorization = request.headers.get(b"authorization", b"")
        if authorization[:7].lower() != b"bearer ":
            return _NO_GATEWAY
        callback = self._callback
        own = request.text(b"catnap-callback")
        if own:  # where several gateways are, the one that made the call
            callback = Target.parse(own)
        return HttpGateway(self._client, callback, authorization[7:].strip(), self._egress)

    async def _wait(self, call: Call) -> float:
        """For a place; gives the seconds that took."""
        arrived = time.perf_counter()
        self._deadlines.add(call)
        try:
            await self.guard(call, self.gate.enter())
        finally:
            self._deadlines.discard(call)
        return time.perf_counter() - arrived

    async def _settle(self, call: Call) -> float:
        """Has the session's folder here; gives the seconds that took."""
        arrived = time.perf_counter()
        self._deadlines.add(call)
        try:
            await self.guard(call, self._folders.enter(call))
        except BaseException:
            self.end(call)
            raise
        self._deadlines.discard(call)
        return time.perf_counter() - arrived

    def end(self, call: Call) -> None:
        """A call's end: its output is whole, its place is free."""
        self._deadlines.discard(call)
        output.finish()
        self.gate.leave()
        if call.visit is not None:
            self._folders.leave(call)

    def late(self, now: float) -> bool:
        """Whether the function should have ended a call before `now`, in the
        loop's time. May be asked by any thread."""
        calls = list(self._deadlines.calls)
        return any(call.expires < now and not call.sending for call in calls)

    async def guard(self, call: Call, work: Awaitable[T]) -> T:
        """Runs the function's code until the deadline; whatever it raises
        comes out as an error of ours, or as our own cancellation."""
        soon = None
        if call.late:
            # What still has to be closed may not wait either; and what it was
            # told while it was sending is the end of its connection.
            call.interrupted = False
            soon = call.task.get_loop().call_soon(call.interrupt)
        try:
            result = await work
            if call.interrupted:
                raise asyncio.CancelledError
        except _FAULTS as error:
            self._fail(call, error)
        finally:
            if soon:
                soon.cancel()
        return result

    def _fail(self, call: Call, raised: BaseException) -> NoReturn:
        """Ends a call whose function has raised that, or was interrupted."""
        over = call.interrupted
        if over:
            call.interrupted = False
            call.task.uncancel()
        if isinstance(raised, asyncio.CancelledError) and call.task.cancelling():
            raise raised  # the client has left
        if over:
            raise DeadlineExceeded(f"{self.name} did not answer within the time that the call had")
        if isinstance(raised, CatnapError):
            raise raised
        blame.print_traceback(raised, self._folder)
        place = blame.place(raised, self._folder)
        where = f" ({place[0]}:{place[1]})" if place else ""
        raise SkillCrashed(f"{self.name}: {blame.reason(raised)}{where}") from raised

    def _server_timing(self, queue: float, handle: float) -> bytes:
        """The line with the parts in milliseconds, from seconds; without those
        that took nothing."""
        if not queue and not self._timings:
            return b"server-timing: handle;dur=%.3f\r\n" % (handle * 1000)
        parts = {"queue": queue * 1000, **self._timings, "handle": handle * 1000}
        self._timings.clear()
        told = (f"{name};dur={ms:.3f}" for name, ms in parts.items() if ms >= 0.001)
        return write_fields([(b"server-timing", ", ".join(told).encode())])

    async def close(self) -> None:
        await self._folders.close()
        await self._client.close()


def _restore() -> Callable[[Context, dict[str, float]], Awaitable[None]]:
    from catnap.skills.install import restore  # few skills install anything

    return restore


class _Parts(AsyncIterator[bytes]):
    """A stream on its way out: it keeps its place in the gate until its end."""

    def __init__(self, app: App, call: Call, stream: Stream) -> None:
        self._app = app
        self._call = call
        self._stream = stream
        self._open = True
        call.sending = True

    async def __anext__(self) -> bytes:
        self._call.sending = False
        try:
            part = await self._app.guard(self._call, self._stream.next())
        except CatnapError as error:
            self._call.whole = not self._call.late
            return self._stream.fail(error)
        finally:
            self._call.sending = True
        if part is None:
            self._call.whole = True
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            self._call.sending = False
            try:
                await self._app.guard(self._call, self._stream.close())
            finally:
                self._app.end(self._call)
