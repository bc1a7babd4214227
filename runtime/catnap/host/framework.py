"""functions-framework functions, as they stand.

The framework's own application does the work: its decorators, its error
handlers, and Flask's whole machinery. Here is what calls it. Importing this
module imports nothing of theirs; loading a function does.
"""

from __future__ import annotations

import ast
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, cast

from catnap.errors import InvalidRequest
from catnap.events.decode import is_event
from catnap.host.call import Answer, Call
from catnap.host.stream import RAW, Stream
from catnap.host.threads import Threads
from catnap.host.wsgi import Application, Exchange

_DECORATORS = frozenset(
    f"functions_framework.{name}"
    for name in ("http", "cloud_event", "typed", "aio.http", "aio.cloud_event")
)


class Framework:
    """A function of the stock framework, called through WSGI in a thread."""

    def __init__(self, application: Application, kind: str, threads: Threads) -> None:
        self.kind = kind
        self.methods: tuple[str, ...] = ("POST",) if kind == "cloudevent" else ()
        self._application = application
        self._threads = threads

    def overdue(self, now: float) -> bool:
        return self._threads.overdue(now)

    async def answer(self, call: Call) -> Answer:
        if self.kind == "cloudevent" and not is_event(call.request.headers):
            raise InvalidRequest(
                "this function takes CloudEvents: send the headers ce-specversion, ce-id, "
                "ce-source and ce-type, or Content-Type: application/cloudevents+json"
            )
        exchange = Exchange(self._application, call.request, call.body)
        await self._threads.run(exchange.begin, deadline=call.expires)
        if exchange.whole is not None:
            return Answer(exchange.status, exchange.headers, exchange.whole)

        async def parts() -> AsyncGenerator[bytes, None]:
            try:
                while part := await self._threads.run(exchange.next, deadline=call.expires):
                    yield part
            finally:
                await self._threads.run(exchange.close)

        stream = Stream(parts(), RAW)
        await stream.begin()
        return Answer(exchange.status, exchange.headers, stream)


def load_framework(file: Path, name: str, signature: str, threads: Threads) -> Framework | None:
    """The framework's application for a function in a file.

    name: of the function; empty where the file's only decorated one is meant.
    signature: for a function without decorator, `http` or `cloudevent`. None
    where the function is not the framework's. Raises InvalidRequest, and
    whatever importing the file raises.
    """
    if signature == "catnap":
        decorated = find_decorated(file)
        if not decorated or (name and name not in decorated):
            return None
        if not name and len(decorated) > 1:
            raise InvalidRequest(
                f"{file.name} has several functions ({', '.join(decorated)}): name one in "
                f"skill.toml, such as entry = '{file.stem}:{decorated[0]}'"
            )
        name = name or decorated[0]
    elif not name:
        raise InvalidRequest(
            f"signature = {signature!r} needs the function's name in skill.toml, such as "
            f"entry = '{file.stem}:handle'"
        )
    try:
        import functions_framework
    except ModuleNotFoundError:
        raise InvalidRequest(
            "its environment lacks functions-framework: add it to the skill's requirements.txt"
        ) from None
    create_app: Callable[..., Any] = functions_framework.create_app
    application = create_app(name, str(file), None if signature == "catnap" else signature)
    if not hasattr(application, "wsgi_app"):
        raise InvalidRequest(
            f"{file.name}: {name!r} is one of functions-framework's async functions, "
            "which are not taken here: mark it with @skill instead"
        )
    # An exception that the function does not handle reaches the caller as a
    # crash that says where, instead of a page that does not.
    application.config["PROPAGATE_EXCEPTIONS"] = True
    kind = "http" if os.environ["FUNCTION_SIGNATURE_TYPE"] in ("http", "typed") else "cloudevent"
    return Framework(cast(Application, application), kind, threads)


def find_decorated(file: Path) -> list[str]:
    """Names of the functions in a file that carry the framework's decorators,
    found without running it. A file that is not Python has none: importing it
    says why."""
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError):
        return []
    theirs: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                theirs[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                theirs[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and any(_dotted(decorator, theirs) in _DECORATORS for decorator in node.decorator_list)
    ]


def _dotted(decorator: ast.expr, imported: dict[str, str]) -> str:
    """The full name of a decorator: `a.b` of `@x.b(...)` where x is a."""
    parts: list[str] = []
    while not isinstance(decorator, ast.Name):
        if isinstance(decorator, ast.Call):
            decorator = decorator.func
        elif isinstance(decorator, ast.Attribute):
            parts.append(decorator.attr)
            decorator = decorator.value
        else:
            return ""
    parts.append(imported.get(decorator.id, decorator.id))
    return ".".join(reversed(parts))
