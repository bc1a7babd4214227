"""One request to a server on a socket of its own, with as little of ours in it as can be.

The same code asks all servers, so what it costs is the same for all.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass

RETRY = 0.001
"""Seconds between two attempts to connect."""
PATIENCE = 30.0

EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "7d3c1f0e-54a9-4a55-9d1e-0f6a2b1c9e10",
    "ce-source": "/sensors/greenhouse",
    "ce-type": "com.example.reading",
    "ce-subject": "rack-7",
    "ce-time": "2026-01-31T12:00:00Z",
    "content-type": "application/json",
}
BODY = json.dumps(
    {"sensor": "rack-7/12", "sequence": 48151623, "celsius": 21.5, "tags": ["inside", "calm"]},
    separators=(",", ":"),
).encode()

Address = tuple[str, int] | str
"""Host and port, or the path of a Unix socket."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.status} {self.headers} {self.body[:500]!r}"


def request() -> bytes:
    """The event in the binary mode, as `wrk` sends it too."""
    head = {"host": "bench", **EVENT, "content-length": str(len(BODY))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return b"POST / HTTP/1.1\r\n" + lines.encode() + b"\r\n" + BODY


def ask(address: Address) -> Answer:
    """Connects as soon as somebody listens, sends the event, reads the answer.

    Raises TimeoutError where nobody answers in time.
    """
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET) as sock:
            sock.settimeout(PATIENCE)
            try:
                sock.connect(address)
                sock.sendall(request())
                answer = _read(sock)
            except (ConnectionError, FileNotFoundError):
                answer = None
        if answer is not None:
            return answer
        time.sleep(RETRY)
    raise TimeoutError(f"nobody answers at {address}")


def _read(sock: socket.socket) -> Answer | None:
    """None where the connection ends before the answer does."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        if not (part := sock.recv(65536)):
            return None
        data += part
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    length = int(headers["content-length"])
    while len(body) < length:
        if not (part := sock.recv(65536)):
            return None
        body += part
    return Answer(int(first.split(" ")[1]), headers, body)


def is_echo(answer: Answer) -> bool:
    """Whether the payload came back."""
    return answer.status == 200 and json.loads(answer.body or b"0") == json.loads(BODY)


def is_event(answer: Answer) -> bool:
    """Whether the event came back as one, in the binary mode."""
    return is_echo(answer) and all(answer.headers.get(name) == EVENT[name] for name in EVENT)
