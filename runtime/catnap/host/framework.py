"""functions-framework functions, as they stand.

The framework's own application does the work: its decorators, its error
handlers, and Flask's whole machinery, or Starlette's for a function of its
`aio`. Here is what makes it. Importing this module imports nothing of theirs;
loading a function does.

A function answers as it does under the stock command, but for this: what says
that it is a CloudEvent must be a valid one; events of before CloudEvents are
not taken; what the caller did wrong is a 4xx, and a crash says where; errors of
the host are problem documents; to a Broker that wants events for replies, what
is none is a 202; and GET /healthz is the host's own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, cast

from catnap.errors import InvalidRequest
from catnap.events.decode import is_event
from catnap.host import blame
from catnap.host.asgi import Asgi
from catnap.host.call import Answer, Call
from catnap.host.decorated import FRAMEWORK, OURS, find_decorated
from catnap.host.entry import Entry
from catnap.host.replies import only_events
from catnap.host.threads import Threads
from catnap.host.wsgi import Wsgi
from catnap.http.errors import UnsupportedMediaType


class Server(Protocol):
    """Calls an application: Wsgi or Asgi."""

    async def answer(self, call: Call) -> Answer: ...

    def overdue(self, now: float) -> bool: ...


class Framework:
    """A function of the stock framework.

    kind: `http` or `cloudevent`. file: where it is.
    """

    takes_stream = False

    def __init__(self, server: Server, kind: str, file: Path) -> None:
        self.kind = kind
        self.methods: tuple[str, ...] = ("POST",) if kind == "cloudevent" else ()
        self._server = server
        self._file = file

    def overdue(self, now: float) -> bool:
        return self._server.overdue(now)

    async def answer(self, call: Call) -> Answer:
        if self.kind == "cloudevent" and not is_event(call.request.headers):
            raise InvalidRequest(
                "this function takes CloudEvents: send the headers ce-specversion, ce-id, "
                "ce-source and ce-type, or Content-Type: application/cloudevents+json"
            )
        try:
            answer = await self._server.answer(call)
        except Exception as error:
            explained = self._explain(error)
            if explained is error:
                raise
            raise explained from explained.__cause__
        if only_events(call.request) and _is_page(answer):
            return Answer(202, [], b"")
        return answer

    def _explain(self, error: Exception) -> Exception:
        """What went wrong, where the framework does not say whose fault it is."""
        from cloudevents.exceptions import GenericException as UnreadableEvent
        from functions_framework.exceptions import FunctionsFrameworkException
        from werkzeug.exceptions import HTTPException

        if isinstance(error, FunctionsFrameworkException) and isinstance(
            error.__cause__, Exception
        ):
            error = error.__cause__  # a typed function's
        if blame.place(error, str(self._file.parent)):
            return error
        # The function was never called.
        if isinstance(error, UnreadableEvent):
            return InvalidRequest(f"the event's data cannot be read: {error}")
        if isinstance(error, HTTPException):
            kind = UnsupportedMediaType if error.code == 415 else InvalidRequest
            return kind(f"the payload does not fit: {error.__cause__ or error.description}")
        return error


def _is_page(answer: Answer) -> bool:
    """Whether it is a success that has a body and is no event, such as the
    framework's `OK` to each event."""
    is_whole = isinstance(answer.body, bytes) and answer.body != b""
    return is_whole and answer.status < 300 and not is_event(dict(answer.headers))


def load_framework(entry: Entry, threads: Threads) -> Framework | None:
    """The framework's application for a function; None where the function is
    not the framework's. Raises InvalidRequest, and whatever importing the
    file raises."""
    name = _name(entry)
    if not name:
        return None
    try:
        from functions_framework.exceptions import (
            InvalidTargetTypeException,
            MissingTargetException,
        )
    except ModuleNotFoundError:
        raise InvalidRequest(
            "its environment lacks functions-framework: add it to the skill's requirements.txt"
        ) from None
    try:
        application = _creator(entry)(name, entry.file, entry.signature or None)
    except (MissingTargetException, InvalidTargetTypeException):
        raise InvalidRequest(
            f"{os.path.basename(entry.file)} has no function {name!r}, which {entry.said_by} names"
        ) from None
    kind = "http" if os.environ["FUNCTION_SIGNATURE_TYPE"] in ("http", "typed") else "cloudevent"
    server: Server
    if hasattr(application, "wsgi_app"):
        _let_crashes_out_of_flask(application)
        server = Wsgi(application, threads)
    else:
        _let_crashes_out_of_starlette(application)
        server = Asgi(application)
    return Framework(server, kind, Path(entry.file))


def _name(entry: Entry) -> str:
    """The function that is the framework's; empty where there is none. A
    function's decorator counts before its signature."""
    file, name, signature = Path(entry.file), entry.function, entry.signature
    theirs, ours = find_decorated(file, FRAMEWORK), find_decorated(file, OURS)
    if name:
        return name if name in theirs or (signature and name not in ours) else ""
    marked = theirs + ours
    if len(marked) > 1 and theirs:
        raise InvalidRequest(
            f"{file.name} has several functions ({', '.join(marked)}): name one in "
            f"skill.toml, such as entry = '{entry.module}:{marked[0]}'"
        )
    if not marked and signature:
        raise InvalidRequest(
            f"signature = {signature!r} needs the function's name in skill.toml, such as "
            f"entry = '{entry.module}:handle'"
        )
    return "".join(theirs)


def _creator(entry: Entry) -> Callable[..., Any]:
    """What makes the application, which will be Starlette's also where Flask's
    creator finds one of the async decorators."""
    if entry.asgi:
        from functions_framework.aio import create_asgi_app

        return cast(Callable[..., Any], create_asgi_app)
    from functions_framework import create_app

    return cast(Callable[..., Any], create_app)


# An exception that the function does not handle reaches the caller as a crash
# that says where, instead of a page that does not.


def _let_crashes_out_of_flask(application: Any) -> None:
    from functions_framework import crash_handler

    handlers = application.error_handler_spec[None][500].values()
    if crash_handler in handlers:  # and none of the function's own has taken its place
        application.config["PROPAGATE_EXCEPTIONS"] = True


def _let_crashes_out_of_starlette(application: Any) -> None:
    from functions_framework.aio import ExceptionHandlerMiddleware

    application.user_middleware = [
        each for each in application.user_middleware if each.cls is not ExceptionHandlerMiddleware
    ]
