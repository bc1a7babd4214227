"""One request through a WSGI application. Source: PEP 3333."""

from __future__ import annotations

import contextvars
import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from catnap.http import Request

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class Exchange:
    """Runs the application and keeps what it answers.

    `begin`, `next` and `close` block, and may run in different threads, one
    after the other: they share one context, as the application expects.
    """

    def __init__(self, application: Application, request: Request, body: bytes) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.whole: bytes | None = None
        """The body; None where it comes in parts."""
        self._application = application
        self._environ = environ(request, body)
        self._context = contextvars.copy_context()
        self._result: Iterable[bytes] = ()
        self._parts: Iterator[bytes] = iter(())
        self._written: list[bytes] = []

    def begin(self) -> None:
        """Calls the application. A body of known length is read at once."""
        self._context.run(self._begin)

    def next(self) -> bytes:
        """The next part; empty at the end."""
        return self._context.run(self._next)

    def close(self) -> None:
        self._context.run(self._close)

    def _begin(self) -> None:
        self._result = self._application(self._environ, self._start)
        self._parts = iter(self._result)
        if any(name == b"content-length" for name, _ in self.headers):
            try:
                self.whole = b"".join([*self._written, *self._parts])
            finally:
                self._close()

    def _next(self) -> bytes:
        if self._written:
            return self._written.pop(0)
        for part in self._parts:
            if part:
                return part
        return b""

    def _close(self) -> None:
        close = getattr(self._result, "close", None)
        if close is not None:
            close()

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], None]:
        self.status = int(status.partition(" ")[0])
        self.headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        return self._written.append


def environ(request: Request, body: bytes) -> Environ:
    """The WSGI environment of a request."""
    path, _, query = request.target.partition("?")
    host, _, port = (request.text(b"host") or "localhost").partition(":")
    made: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        key = name.decode("latin-1").upper().replace("-", "_")
        if key == "CONTENT_TYPE":
            made[key] = value.decode("latin-1")
        elif key not in ("CONTENT_LENGTH", "TRANSFER_ENCODING"):
            made[f"HTTP_{key}"] = value.decode("latin-1")
    return made
