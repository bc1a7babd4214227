"""Small servers that play what stands before a skill: a pod's queue-proxy, or
the activator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from catnap.http import Request, Response, Server, Target

Answer = Callable[[Request], Awaitable[Response]]


def skill(instance: str, body: str = "{}", **headers: str) -> Response:
    """What an instance answers."""
    fields = [(b"content-type", b"application/json"), (b"catnap-instance", instance.encode())]
    more = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Response(200, fields + more, body.encode())


def knative(status: int, text: str) -> Response:
    """What Go's http.Error writes."""
    return Response(status, [(b"content-type", b"text/plain; charset=utf-8")], text.encode())


@dataclass
class Place:
    """A server that answers as it is told, and what it was asked. answers:
    one for each request, the last one for all others."""

    answers: list[Answer | Response]
    asked: list[Request] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """A request that was held has been given up."""
    target: Target = field(default_factory=Target)
    server: Server = field(init=False)

    async def start(self) -> None:
        self.server = Server(self._answer)
        host, port = await self.server.listen(host="127.0.0.1")
        self.target = Target(host, port)

    async def _answer(self, request: Request) -> Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer if isinstance(answer, Response) else await answer(request)

    async def hold(self, request: Request) -> Response:
        """Answers never, and notes when the client leaves."""
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            self.left.set()

    async def hang_up(self, request: Request) -> Response:
        """Drops every connection."""
        for connection in list(self.server.connections):
            connection.abort()
        return await asyncio.get_running_loop().create_future()
