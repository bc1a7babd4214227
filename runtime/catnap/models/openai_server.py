"""A server of OpenAI's HTTP, such as vLLM or llama.cpp's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import msgspec

from catnap.errors import CatnapError, DeadlineExceeded, Unavailable
from catnap.http import Client, Target
from catnap.http.client import ConnectionLost, Reply
from catnap.models.sse import Events
from catnap.models.verdict import UNREACHED, Fault, UpstreamError, of_http

DONE = b"[DONE]"
"""The data of a stream's last event."""

_ANSWER = 256 << 20
_SAID = 64 << 10
"""Bytes that are read of an answer that says what is wrong."""


class OpenAIServer:
    """Its methods raise UpstreamError, and close the connection where their
    caller leaves, which ends the request there."""

    def __init__(self, client: Client, address: str, model: str, key: str = "") -> None:
        """address: http(s), before `/v1`. model: the name that errors give.
        key: that the server wants, if it wants one."""
        parts = urlsplit(address)
        self.address = address
        self._client = client
        self._target = Target.parse(f"{parts.scheme}://{parts.netloc}")
        self._prefix = parts.path.rstrip("/")
        self._model = model
        self._headers = [(b"content-type", b"application/json")]
        if key:
            self._headers.append((b"authorization", b"Bearer " + key.encode()))

    async def ask(
        self, path: str, body: bytes, timeout: float | None, traceparent: str = ""
    ) -> bytes:
        """One request, one answer, both JSON. path: such as `/v1/embeddings`.
        traceparent: what it is a part of, if anybody knows."""
        until = _until(timeout)
        async with self._reply(path, body, until, traceparent) as reply, asyncio.timeout_at(until):
            return await reply.read(_ANSWER)

    async def stream(
        self, path: str, body: bytes, timeout: float | None, traceparent: str = ""
    ) -> AsyncGenerator[bytes, None]:
        """The data of each event of an answer that comes in parts, but DONE."""
        until = _until(timeout)
        async with self._reply(path, body, until, traceparent) as reply:
            events, pieces = Events(), aiter(reply.body)
            while True:
                # Not over a yield: there it would end what the caller does meanwhile.
                async with asyncio.timeout_at(until):
                    piece = await anext(pieces, None)
                if piece is None:
                    break
                for data in events.feed(piece):
                    if data == DONE:
                        return
                    yield data
            # A whole answer ends with DONE: else who reads it would take a part for all.
            raise ConnectionLost("the stream ended before its answer had")

    async def connects(self, patience: float) -> bool:
        """Each request is tried by itself."""
        return True

    async def close(self, grace: float = 0.0) -> None:
        """Nothing: the connections are the client's."""

    @asynccontextmanager
    async def _reply(
        self, path: str, body: bytes, until: float | None, traceparent: str
    ) -> AsyncIterator[Reply]:
        reply: Reply | None = None
        headers = self._headers
        if traceparent:
            headers = [*headers, (b"traceparent", traceparent.encode())]
        try:
            async with asyncio.timeout_at(until):
                reply = await self._client.request(
                    self._target, "POST", self._prefix + path, headers, body
                )
                if reply.status != 200:
                    raise await self._refusal(reply)
            yield reply
        except TimeoutError:
            raise UpstreamError(
                Fault.LATE, DeadlineExceeded(f"model {self._model!r}: no answer in time")
            ) from None
        except CatnapError as error:
            said = "its server broke its answer off" if reply else UNREACHED
            unavailable = Unavailable(f"model {self._model!r}: {said}")
            raise UpstreamError(Fault.SERVER, unavailable, error.message) from None
        finally:
            if reply is not None:
                reply.close()

    async def _refusal(self, reply: Reply) -> UpstreamError:
        said = await reply.read(_SAID)
        return of_http(self._model, reply.status, message(said), _after(dict(reply.headers)))


def _until(timeout: float | None) -> float | None:
    """By the loop's clock."""
    return None if timeout is None else asyncio.get_running_loop().time() + timeout


class _Error(msgspec.Struct):
    message: str = ""


class _Said(msgspec.Struct):
    error: _Error | str | None = None
    detail: str | list[object] | dict[str, object] | None = None
    message: str = ""


def message(said: bytes) -> str:
    """Of OpenAI's own errors, and of those that frameworks write beside them."""
    try:
        found = msgspec.json.decode(said, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return said.decode(errors="replace").strip()[:500]
    error = found.error.message if isinstance(found.error, _Error) else found.error
    return str(error or found.message or found.detail or "")[:2000]


def _after(headers: Mapping[bytes, bytes]) -> float | None:
    try:
        return max(0.0, float(headers[b"retry-after"]))
    except (KeyError, ValueError):
        return None
