"""The stock functions-framework command and `catnap host`, side by side."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "runtime"
OURS = frozenset(("server-timing", "catnap-instance"))
EITHERS = frozenset(("server", "date", "connection", "transfer-encoding"))


@dataclass(frozen=True)
class Said:
    """An answer, without what each server says of itself."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def content_type(self) -> str:
        return dict(self.headers).get("content-type", "")


@dataclass(frozen=True)
class Pair:
    """The ports of the two."""

    theirs: int
    ours: int

    def ask(
        self,
        method: str,
        target: str,
        headers: dict[str, str] | None = None,
        body: bytes | list[bytes] | None = None,
    ) -> tuple[Said, Said]:
        """What each says to the same request: the stock command, the host.
        A body in parts is sent in chunks."""
        return ask(self.theirs, method, target, headers, body), ask(
            self.ours, method, target, headers, body
        )


def ask(
    port: int,
    method: str,
    target: str,
    headers: dict[str, str] | None = None,
    body: bytes | list[bytes] | None = None,
) -> Said:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    sent = {"Host": "example.test:8000", **(headers or {})}
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        if isinstance(body, list):
            sent["Transfer-Encoding"] = "chunked"
        elif body is not None:
            sent["Content-Length"] = str(len(body))
        for name, value in sent.items():
            connection.putheader(name, value)
        connection.endheaders(
            iter(body) if isinstance(body, list) else body, encode_chunked=isinstance(body, list)
        )
        response = connection.getresponse()
        told = [(name.lower(), value) for name, value in response.getheaders()]
        # Starlette lists the methods in the order of a set.
        told = [(n, ", ".join(sorted(v.split(", "))) if n == "allow" else v) for n, v in told]
        kept = sorted(field for field in told if field[0] not in OURS | EITHERS)
        return Said(response.status, kept, response.read())
    finally:
        connection.close()


@contextmanager
def served(
    folder: Path, target: str, *options: str, source: str = "main.py", **env: str
) -> Iterator[Pair]:
    """Both serve a folder's function. options: of the stock command, which
    the host is told by the variables of the same meaning."""
    told = {"FUNCTION_TARGET": target, "FUNCTION_SOURCE": source, **env}
    if "--asgi" in options:
        told["FUNCTION_USE_ASGI"] = "true"
    if "--signature-type" in options:
        told["FUNCTION_SIGNATURE_TYPE"] = options[options.index("--signature-type") + 1]
    with stock(folder / source, target, *options, **env) as theirs, host(folder, **told) as ours:
        yield Pair(theirs, ours)


@contextmanager
def stock(
    file: Path,
    target: str,
    *options: str,
    start: Sequence[str] = (sys.executable, "-m", "functions_framework"),
    **env: str,
) -> Iterator[int]:
    """The port of the stock command."""
    where = ("--host", "127.0.0.1", "--port", "0", "--target", target, "--source", str(file))
    said = "Listening at: http://127.0.0.1:"
    with _started([*start, *where, *options], said, GUNICORN_LOG_LEVEL="info", **env) as port:
        yield port


@contextmanager
def host(folder: Path, *, python: str = sys.executable, **env: str) -> Iterator[int]:
    """The port of `catnap host`."""
    command = [python, "-m", "catnap.host", str(folder), "--port", "0"]
    with _started(command, "ready on http://127.0.0.1:", **env) as port:
        yield port


@contextmanager
def _started(command: Sequence[str], line: str, **env: str) -> Iterator[int]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": os.defpath, "PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1", **env},
    )
    assert process.stdout
    try:
        said = []
        for each in process.stdout:
            said.append(each)
            _, found, rest = each.partition(line)
            if found:
                yield int(rest.split()[0])
                return
        raise AssertionError(f"{command} ended: {''.join(said)}")
    finally:
        process.terminate()
        process.communicate(timeout=60)
