"""The handler of an instance: from a request to the function and back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from catnap.errors import CatnapError, DeadlineExceeded, SkillCrashed, Unavailable
from catnap.host import blame, output
from catnap.host.call import Call, Function, read_deadline, read_event
from catnap.host.gate import Gate
from catnap.host.stream import Stream
from catnap.http import Client, Request, Response, Target
from catnap.http.errors import MethodNotAllowed
from catnap.skills import Context
from catnap.skills.gateway import Gateway, HttpGateway, NoGateway

T = TypeVar("T")
_NO_GATEWAY = NoGateway()


class App:
    """Answers every request that reaches an instance.

    timeout: seconds a call may take at most. instance: its name, which every
    answer carries. timings: parts of Server-Timing in milliseconds that the
    first answer carries, to tell its caller what the start of the instance cost.
    """

    def __init__(
        self,
        function: Function,
        *,
        name: str,
        folder: Path,
        concurrency: int,
        timeout: float,
        callback: Target | None = None,
        egress: Target | None = None,
        instance: str = "",
        timings: dict[str, float] | None = None,
    ) -> None:
        self.function = function
        self.name = name
        self.draining = False
        self.ready = b""
        """Since when it is, and what that took, for Knative's activator to pass
        on: to a call that it held until an instance was there."""
        self._folder = folder
        self._gate = Gate(concurrency)
        self._calls: set[Call] = set()
        self._timeout = timeout
        self._callback = callback
        self._egress = egress
        self._client = Client()
        self._instance = (b"catnap-instance", instance.encode())
        self._timings = {} if timings is None else timings

    async def __call__(self, request: Request) -> Response:
        if request.path == "/healthz" and request.method in ("GET", "HEAD"):
            return self._health()
        response = await self._response(request)
        if self._instance[1]:
            response.headers.append(self._instance)
        if self.ready and b"k-proxy-request" in request.headers:
            response.headers.append((b"catnap-ready", self.ready))
        return response

    async def _response(self, request: Request) -> Response:
        methods = self.function.methods
        if methods and request.method not in methods:
            allow = ", ".join(methods)
            return Response.error(
                MethodNotAllowed(f"{request.method} is not taken here: send {allow}", methods)
            )
        try:
            call = await self._read(request)
            output.task.set(call.context.task or call.event.id)
            return await self._admit(call)
        except CatnapError as error:
            return Response.error(error)

    def _health(self) -> Response:
        if self.draining:
            return Response.error(Unavailable("draining: this instance is about to end"))
        if self.function.overdue(asyncio.get_running_loop().time()):
            return Response.error(
                Unavailable("a call runs on past its deadline and cannot be interrupted")
            )
        return Response.json(b'{"status":"ok"}')

    async def _read(self, request: Request) -> Call:
        body = await request.body.read()
        event = read_event(request, body, self.name)
        now = time.time()
        deadline = read_deadline(request, event, now, self._timeout)
        if deadline <= now:
            raise DeadlineExceeded("the call's deadline had passed when it arrived")
        extensions = event.extensions
        loop = asyncio.get_running_loop()
        context = Context(
            event=event,
            tenant=extensions.get("tenantid", ""),
            user=extensions.get("userid", ""),
            session=extensions.get("sessionid", ""),
            task=extensions.get("taskid", ""),
            parent=extensions.get("parenttaskid", ""),
            traceparent=extensions.get("traceparent", ""),
            deadline=deadline,
            gateway=self._gateway(request),
            loop=loop,
        )
        return Call(request, body, event, context, loop.time() + deadline - now)

    def _gateway(self, request: Request) -> Gateway:
        scheme, _, grant = (request.text(b"authorization") or "").partition(" ")
        if self._callback is None or scheme.lower() != "bearer" or not grant:
            return _NO_GATEWAY
        return HttpGateway(self._client, self._callback, grant.strip(), self._egress)

    async def _admit(self, call: Call) -> Response:
        arrived = time.perf_counter()
        await self.guard(call, self._gate.enter)
        self._calls.add(call)
        began = time.perf_counter()
        try:
            answer = await self.guard(call, lambda: self.function.answer(call))
        except BaseException:
            self.end(call)
            raise
        body: bytes | _Parts
        if isinstance(answer.body, Stream):
            body = _Parts(self, call, answer.body)
        else:
            body = answer.body
            self.end(call)
        parts = {
            "queue": (began - arrived) * 1000,
            **self._timings,
            "handle": (time.perf_counter() - began) * 1000,
        }
        self._timings.clear()
        headers = [*answer.headers, (b"server-timing", _server_timing(parts))]
        return Response(answer.status, headers, body)

    def end(self, call: Call) -> None:
        """A call's end: its output is whole, its place is free."""
        self._calls.discard(call)
        output.finish()
        self._gate.leave()

    def late(self, now: float) -> bool:
        """Whether a call should have ended before `now`, in the loop's time.
        May be asked by any thread."""
        return any(call.expires < now for call in list(self._calls))

    async def guard(self, call: Call, work: Callable[[], Awaitable[T]]) -> T:
        """Runs the function's code until the deadline; whatever it raises
        comes out as an error of ours, or as our own cancellation."""
        limit = asyncio.timeout_at(call.expires)
        try:
            async with limit:
                result = await work()
            if not limit.expired():
                return result
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task and task.cancelling():
                raise
            crash: BaseException = error
        except (Exception, SystemExit) as error:
            crash = error
        if limit.expired():
            raise DeadlineExceeded(f"{self.name} did not answer within the time that the call had")
        if isinstance(crash, CatnapError):
            raise crash
        blame.print_traceback(crash, self._folder)
        place = blame.place(crash, self._folder)
        where = f" ({place[0]}:{place[1]})" if place else ""
        raise SkillCrashed(f"{self.name}: {blame.reason(crash)}{where}") from crash

    async def close(self) -> None:
        await self._client.close()


class _Parts(AsyncIterator[bytes]):
    """A stream on its way out: it keeps its place in the gate until its end."""

    def __init__(self, app: App, call: Call, stream: Stream) -> None:
        self._app = app
        self._call = call
        self._stream = stream
        self._open = True

    async def __anext__(self) -> bytes:
        try:
            part = await self._app.guard(self._call, self._stream.next)
        except CatnapError as error:
            return self._stream.fail(error)
        if part is None:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            try:
                await self._app.guard(self._call, self._stream.close)
            finally:
                self._app.end(self._call)


def _server_timing(parts: dict[str, float]) -> bytes:
    return ", ".join(f"{name};dur={ms:.3f}" for name, ms in parts.items() if ms >= 0.001).encode()
