"""A skill under the stock `functions-framework` command.

The command's own server takes the request; from there it goes the way that it
goes under `catnap host`, through the same App, on a loop in a thread of its
own. So the answer is the same, and the files, models and other skills of a
platform are there too where CATNAP_CALLBACK says where it is.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from catnap.host.app import App
from catnap.host.entry import manifest_of
from catnap.host.loader import THREADS_WITHOUT_BOUND
from catnap.host.native import Native
from catnap.host.settings import read_settings
from catnap.host.threads import Threads
from catnap.http import Body, Request, Response
from catnap.skills import Skill

if TYPE_CHECKING:
    import flask

Serving = tuple[App, asyncio.AbstractEventLoop]

_starting = Lock()
_started: dict[Callable[..., Any], Serving] = {}


def answer(skill: Skill, given: Any) -> Any:
    """What the command is to answer.

    given: what it calls the skill with: Flask's request or, with
    `--signature-type cloudevent`, the SDK's event. To an event the command
    answers `OK` whatever it is given here; errors alone can be passed on.
    """
    import flask

    if not flask.has_request_context():
        raise RuntimeError(
            "a skill does not run under functions-framework's --asgi: leave the option out; "
            "async skills run without it"
        )
    app, loop = _serving(skill)
    response = _respond(app, _request(flask.request), loop)
    if not isinstance(given, flask.Request):
        response.get_data()  # to the end of a stream
        if response.status_code >= 400:
            flask.abort(response)
    return response


def _serving(skill: Skill) -> Serving:
    """What serves it in this process. Made by the first request: the command
    forks once it has imported the skill."""
    with _starting:
        serving = _started.get(skill.function)
        if serving is None:
            loop = asyncio.new_event_loop()
            Thread(target=loop.run_forever, daemon=True, name="catnap-loop").start()
            serving = asyncio.run_coroutine_threadsafe(_app(skill), loop).result(), loop
            _started[skill.function] = serving
        return serving


async def _app(skill: Skill) -> App:
    settings = read_settings(os.environ)
    folder = _folder(skill.function)
    manifest = manifest_of(folder, os.environ)
    stated = settings.concurrency
    bound = manifest.scale.concurrency if stated is None else stated
    return App(
        Native(skill, Threads(bound or THREADS_WITHOUT_BOUND)),
        name=manifest.name,
        folder=folder,
        concurrency=bound,
        timeout=manifest.limits.timeout,
        callback=settings.callback,
        egress=settings.egress,
        instance=settings.instance,
    )


def _folder(function: Callable[..., Any]) -> str:
    """The one that the function's module is imported from."""
    module = sys.modules[function.__module__]
    assert module.__file__
    return str(Path(module.__file__).resolve().parents[module.__name__.count(".")])


def _request(given: flask.Request) -> Request:
    headers = {
        name.lower().encode("latin-1"): value.encode("latin-1") for name, value in given.headers
    }
    data = given.get_data()
    body = Body(length=len(data))
    if data:
        body.feed(data)
    body.finish()
    return Request(given.method, given.full_path, headers, body, given.remote_addr or "")


def _respond(app: App, request: Request, loop: asyncio.AbstractEventLoop) -> flask.Response:
    import flask

    exchange = _Exchange(app, request, loop)
    told = exchange.response.result()
    body = told.body if isinstance(told.body, bytes) else exchange
    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in told.fields()]
    response = flask.Response(body, told.status, fields)
    if "content-type" not in dict(fields):
        del response.headers["content-type"]  # Flask's own idea of it
    return response


class _Exchange(Iterator[bytes]):
    """One call, made on the loop by one task, and the parts of its answer for
    the thread of the command's server. The task is one part ahead."""

    def __init__(self, app: App, request: Request, loop: asyncio.AbstractEventLoop) -> None:
        self.response: Future[Response] = Future()
        self._loop = loop
        self._parts: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue(1)
        self._task = asyncio.run_coroutine_threadsafe(self._run(app, request), loop)

    def __next__(self) -> bytes:
        part = asyncio.run_coroutine_threadsafe(self._parts.get(), self._loop).result()
        if isinstance(part, bytes):
            return part
        raise part or StopIteration

    def close(self) -> None:
        """Called when the answer is out, or nobody wants it any more."""
        self._task.cancel()

    async def _run(self, app: App, request: Request) -> None:
        try:
            response = await app(request)
        except BaseException as error:
            self.response.set_exception(error)
            return
        self.response.set_result(response)
        if isinstance(response.body, bytes):
            return
        parts = response.body
        try:
            async for part in parts:
                await self._parts.put(part)
            end = None
        except Exception as error:
            end = error
        finally:
            close = getattr(parts, "aclose", None)
            if close is not None:
                await close()
        await self._parts.put(end)
