"""A small API server: answers as it is told, over real HTTP."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from catnap.services.knative.api import Api


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """events: of a watch, one chunk each. then: `end` ends it in order, `cut`
    drops the connection, `hold` keeps it until the client leaves."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[bytes] | None = None
    then: str = "end"


class ApiServer:
    """What is told with `answer` is given in that order, by path; the last one
    again and again."""

    def __init__(self, server: ThreadingHTTPServer, folder: Path) -> None:
        self.asked: list[Asked] = []
        self.left = threading.Event()
        """A client has left a watch that was held."""
        self._answers: dict[str, queue.SimpleQueue[Answer]] = {}
        self._last: dict[str, Answer] = {}
        self.kubeconfig = folder / "kubeconfig"
        host = f"http://127.0.0.1:{server.server_port}"
        self.kubeconfig.write_text(yaml.safe_dump(_config(host)))

    def api(self) -> Api:
        return Api.connect(self.kubeconfig)

    def answer(self, path: str, *answers: Answer) -> None:
        kept = self._answers.setdefault(path, queue.SimpleQueue())
        for each in answers:
            kept.put(each)

    def next(self, path: str, watched: bool) -> Answer:
        key = f"{path}?watch" if watched else path
        if key not in self._answers:
            return Answer(404, status(404, "NotFound", f"{path} not found"))
        with suppress(queue.Empty):
            self._last[key] = self._answers[key].get_nowait()
        return self._last[key]


def status(code: int, reason: str, message: str, **details: Any) -> dict[str, Any]:
    said = {"kind": "Status", "status": "Failure", "code": code, "reason": reason}
    return {**said, "message": message, **({"details": details} if details else {})}


def listed(version: str, *names: str) -> Answer:
    items = [{"metadata": {"name": name, "resourceVersion": "1"}} for name in names]
    meta = {"resourceVersion": version}
    return Answer(body={"apiVersion": "v1", "kind": "ThingList", "metadata": meta, "items": items})


def event(kind: str, version: str, name: str = "") -> bytes:
    thing = {"apiVersion": "v1", "kind": "Thing"}
    meta = {"name": name, "resourceVersion": version}
    return json.dumps({"type": kind, "object": {**thing, "metadata": meta}}).encode() + b"\n"


def failure(code: int, reason: str) -> bytes:
    return json.dumps({"type": "ERROR", "object": status(code, reason, "too old")}).encode() + b"\n"


@contextmanager
def running(folder: Path) -> Iterator[ApiServer]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = True
    http.told = ApiServer(http, folder)  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield http.told  # type: ignore[attr-defined]
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _any(self) -> None:
        told: ApiServer = self.server.told  # type: ignore[attr-defined]
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        sent = json.loads(body) if body else None
        told.asked.append(Asked(self.command, url.path, query, dict(self.headers), sent))
        answer = told.next(url.path, "watch" in query)
        if answer.events is not None:
            self._stream(told, answer)
            return
        data = json.dumps(answer.body).encode() if answer.body is not None else b""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, told: ApiServer, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in answer.events or ():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        if answer.then == "end":
            self.wfile.write(b"0\r\n\r\n")
        if answer.then == "hold":
            self.connection.recv(1)
            told.left.set()
        self.close_connection = answer.then != "end"

    do_GET = do_POST = do_PATCH = do_DELETE = _any  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


def _config(host: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": host}}],
        "users": [{"name": "ada", "user": {"token": "secret"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "ada"}}],
        "current-context": "here",
    }
