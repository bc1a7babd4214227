import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from catnap.http import Limits, Request, Response, Server, Target

Handler = Callable[[Request], Awaitable[Response]]


class Wire:
    """A client that says exactly what it is told to say."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def hear(self, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
        """One whole answer: status, headers, body."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        headers = dict(line.split(b": ", 1) for line in lines)
        assert len(headers) == len(lines), "a header was sent twice"
        status = int(first.split()[1])
        if method == "HEAD" or status in (100, 204, 304):
            body = b""
        elif b"transfer-encoding" in headers:
            assert b"content-length" not in headers
            body = b""
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                body += (await self.reader.readexactly(size + 2))[:-2]
            assert await self.reader.readline() == b"\r\n"
        elif b"content-length" in headers:
            body = await self.reader.readexactly(int(headers[b"content-length"]))
        else:
            body = await self.reader.read()
        return status, headers, body

    async def ended(self) -> bool:
        """Whether the server has closed, and said nothing more before."""
        return await self.reader.read() == b""

    def close(self) -> None:
        self.writer.close()


class Serving:
    """A running server and ways to reach it."""

    def __init__(self, server: Server, host: str, port: int) -> None:
        self.server = server
        self.target = Target(host=host, port=port)
        self.wires: list[Wire] = []

    async def wire(self) -> Wire:
        reader, writer = await asyncio.open_connection(self.target.host, self.target.port)
        self.wires.append(Wire(reader, writer))
        return self.wires[-1]

    async def close(self) -> None:
        for wire in self.wires:
            wire.close()
        await self.server.drain(0)


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Serving]]]:
    """Starts a server for a handler on a port of its own."""
    started: list[Serving] = []

    async def start(handler: Handler, **limits: float) -> Serving:
        server = Server(handler, Limits(sweep=0.01, **limits))
        started.append(Serving(server, *await server.listen(host="127.0.0.1")))
        return started[-1]

    yield start
    for serving in started:
        await serving.close()


@pytest.fixture
def echo() -> Handler:
    """Answers with the body, and says the path."""

    async def handler(request: Request) -> Response:
        return Response(200, [(b"x-path", request.path.encode())], await request.body.read())

    return handler
