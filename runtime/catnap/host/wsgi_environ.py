"""A request as a WSGI application sees it. Source: PEP 3333."""

from __future__ import annotations

import io
import sys
from typing import Any
from urllib.parse import unquote_to_bytes

from catnap.host.origin import is_secure, server
from catnap.http import Request

Environ = dict[str, Any]


def environ(request: Request, body: bytes) -> Environ:
    """The WSGI environment of a request."""
    path, _, query = request.target.partition("?")
    secure = is_secure(request)
    host, port = server(request, "443" if secure else "80")
    made: Environ = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request.target,
        "REMOTE_ADDR": request.client,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": "HTTP/1.0" if request.old else "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if secure else "http",
        "wsgi.input": io.BytesIO(body),
        # A body that came in chunks has no CONTENT_LENGTH.
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        if b"_" in name:
            continue  # could not be told from the header with a hyphen, which a proxy may vouch for
        key = name.decode("latin-1").upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        made[key] = value.decode("latin-1")
    return made
