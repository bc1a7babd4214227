"""A proxy on a port of its own, and what lies behind it."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from catnap.access import Grant, Grants
from catnap.access.audit_record import Entry
from catnap.gateway.egress import Proxy
from catnap.gateway.egress.records import Records

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOST = "api.example.com"
START = 1_000_000.0


class Wire:
    """A client that says exactly what it is told to say."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self) -> tuple[int, dict[str, str], dict[str, Any]]:
        """A refusal: status, headers, problem document."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head[:-4].split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (each.partition(": ") for each in lines)
        }
        body = await self.reader.readexactly(int(headers["content-length"]))
        problem = msgspec.json.decode(body)
        assert await self.reader.read() == b""
        version, status, reason = first.split(" ", 2)
        assert version == "HTTP/1.1"
        assert problem["status"] == int(status)
        assert problem["detail"].startswith(reason.partition("?")[0])
        return int(status), headers, problem

    async def open(self) -> None:
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert head == b"HTTP/1.1 200 Connection established\r\n\r\n"

    def reset(self) -> None:
        self.writer.transport.abort()


@dataclass
class World:
    """What a test sees of the proxy, and holds in its hands."""

    grants: Grants
    names: dict[str, list[str]] = field(default_factory=lambda: {HOST: ["127.0.0.1"]})
    at_work: set[str] = field(default_factory=lambda: {"t-1"})
    now: float = START
    asked: list[str] = field(default_factory=list)
    """Names that were resolved."""
    denied: list[Entry] = field(default_factory=list)
    """What the audit was given."""
    records: Records = field(init=False)
    proxy: Proxy = field(init=False)
    host: str = ""
    port: int = 0
    wires: list[Wire] = field(default_factory=list)
    servers: list[asyncio.Server] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.records = Records(self.denied.append)

    def grant(self, *egress: str, **more: Any) -> str:
        fields = {"task": "t-1", "skill": "search", "expires": self.now + 65}
        return self.grants.issue(
            Grant(tenant="acme", user="ann", **{**fields, "egress": egress, **more})
        )

    def url(self, *egress: str, **more: Any) -> str:
        return f"http://catnap:{self.grant(*egress, **more)}@{self.host}:{self.port}"

    async def wire(self) -> Wire:
        self.wires.append(Wire(*await asyncio.open_connection(self.host, self.port)))
        return self.wires[-1]

    async def connect(self, port: int, *, ahead: bytes = b"", **more: Any) -> Wire:
        """A wire that has asked for a tunnel to a port of HOST."""
        wire = await self.wire()
        grant = self.grant(f"{HOST}:{port}", **more)
        await wire.say(head(f"{HOST}:{port}", grant) + ahead)
        return wire

    async def serve(self, handler: Handler, context: ssl.SSLContext | None = None) -> int:
        """A server at HOST; gives its port."""
        server = await asyncio.start_server(handler, "127.0.0.1", 0, ssl=context, backlog=2048)
        self.servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    def count(self, name: str, **labels: str) -> float:
        """A counter that Prometheus would read."""
        return self.records.registry.get_sample_value(name, labels) or 0.0

    async def resolve(self, name: str) -> list[str]:
        self.asked.append(name)
        if name not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self.names[name]


def head(target: str, grant: str = "", *lines: str, scheme: str = "Basic") -> bytes:
    shown = base64.b64encode(f"catnap:{grant}".encode()).decode() if scheme == "Basic" else grant
    credential = [f"Proxy-Authorization: {scheme} {shown}"] if grant else []
    return "\r\n".join(
        [f"CONNECT {target} HTTP/1.1", f"Host: {target}", *credential, *lines, "", ""]
    ).encode("latin-1")


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says back what it hears, and ends when the other side does."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


def descriptors() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def answer(body: bytes, seen: list[bytes] | None = None) -> Handler:
    """A server that answers every request of HTTP with this body."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                if seen is not None:
                    seen.append(request)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    return handler
