"""An answer of OpenAI's HTTP that comes in parts, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from catnap.errors import CatnapError
from catnap.gateway.openai_errors import encode
from catnap.http import Response
from catnap.models.openai_server import DONE
from catnap.models.sse import event

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
_COMMENT = b": still at work\n\n"


async def streamed(parts: AsyncGenerator[bytes, None]) -> Response:
    """parts: the data of each event. Begins when the first one is there: raises
    what comes in its place, so that it has its own status."""
    first = await anext(parts, None)
    return Response(200, list(_HEADERS), _Events(first, parts), idle=_COMMENT)


class _Events:
    """Ends the request at the server when it is read to its end, or given up."""

    def __init__(self, first: bytes | None, rest: AsyncGenerator[bytes, None]) -> None:
        self._rest = rest
        self._sent = self._send(first)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._sent

    async def _send(self, first: bytes | None) -> AsyncGenerator[bytes, None]:
        try:
            if first is not None:
                yield event(first)
            async for data in self._rest:
                yield event(data)
            yield event(DONE)
        except CatnapError as error:
            # Without DONE, so that nobody takes a part for all.
            yield event(encode(error))

    async def aclose(self) -> None:
        await self._sent.aclose()
        await self._rest.aclose()
