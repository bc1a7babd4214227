"""An index of packages on this machine: a small real server."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections import defaultdict
from collections.abc import Callable
from hashlib import sha256
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import unquote

from tests.packages.wheels import File

Form = Literal["html", "json", "json with metadata"]


class SimpleIndex:
    """files: by the normalized name of their package. asked: each request's path.
    down: it answers 503. moved: where a path leads to instead. credentials: what
    it wants to be shown."""

    def __init__(self, form: Form = "html") -> None:
        self.form = form
        self.files: dict[str, list[File]] = defaultdict(list)
        self.links: dict[str, str] = {}
        """Other links than its own, by filename."""
        self.asked: list[str] = []
        self.shown: list[str | None] = []
        self.down = False
        self.moved: dict[str, str] = {}
        self.credentials = ""
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/simple/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def add(self, name: str, *files: File) -> None:
        self.files[name].extend(files)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = unquote(request.path)
        self.asked.append(path)
        self.shown.append(request.headers.get("Authorization"))
        if self.down:
            _send(request, 503)
        elif self.credentials and self.shown[-1] != self.credentials:
            _send(request, 401)
        elif path in self.moved:
            _send(request, 302, location=self.moved[path])
        elif path.startswith("/simple/") and path.split("/")[2] in self.files:
            kind, content = self._page(path.split("/")[2])
            tag = f'"{sha256(content).hexdigest()}"'
            if request.headers.get("If-None-Match") == tag:
                _send(request, 304)
            else:
                _send(request, 200, content, content_type=kind, etag=tag)
        else:
            self._file(request, path.removeprefix("/files/"))

    def _file(self, request: BaseHTTPRequestHandler, name: str) -> None:
        for each in (each for files in self.files.values() for each in files):
            if name == each.filename:
                return _send(request, 200, each.content)
            if name == f"{each.filename}.metadata" and self.form == "json with metadata":
                return _send(request, 200, _metadata(each))
        return _send(request, 404)

    def _page(self, name: str) -> tuple[str, bytes]:
        link: Callable[[File], str] = lambda each: self.links.get(  # noqa: E731
            each.filename, f"../../files/{each.filename}"
        )
        if self.form == "html":
            lines = [
                f'<a href="{escape(link(each))}#sha256={each.sha256}">{escape(each.filename)}</a>'
                for each in self.files[name]
            ]
            return "text/html; charset=utf-8", "<br>\n".join(lines).encode()
        files = []
        for each in self.files[name]:
            about = {"filename": each.filename, "url": link(each)}
            files.append({**about, "hashes": {"sha256": each.sha256}})
            if self.form == "json with metadata" and each.filename.endswith(".whl"):
                files[-1]["core-metadata"] = {"sha256": sha256(_metadata(each)).hexdigest()}
        page = {"meta": {"api-version": "1.1"}, "name": name, "files": files}
        return "application/vnd.pypi.simple.v1+json", json.dumps(page).encode()


def _metadata(file: File) -> bytes:
    if not zipfile.is_zipfile(io.BytesIO(file.content)):
        return b""
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        [name] = [each for each in archive.namelist() if each.endswith(".dist-info/METADATA")]
        return archive.read(name)


def _send(
    request: BaseHTTPRequestHandler, status: int, content: bytes = b"", **headers: str
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content)
