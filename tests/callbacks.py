"""A platform's callback address, for processes under test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

from catnap.errors import Unauthenticated
from catnap.http import Request, Response, Server
from catnap.skills.testing import FakeGateway

GRANT = "Bearer grant"


@contextmanager
def callbacks(gateway: FakeGateway) -> Iterator[str]:
    """The address at which `gateway` takes what comes with the Grant."""

    async def handle(request: Request) -> Response:
        if request.text(b"authorization") != GRANT:
            raise Unauthenticated("no Grant")
        answer = await gateway.request(
            request.method,
            request.target,
            list(request.headers.items()),
            await request.body.read(),
        )
        return Response(answer.status, list(answer.headers.items()), await answer.read())

    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    server = Server(handle)
    try:
        started = asyncio.run_coroutine_threadsafe(server.listen(host="127.0.0.1"), loop)
        host, port = started.result()
        yield f"{host}:{port}"
    finally:
        asyncio.run_coroutine_threadsafe(server.drain(0), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
