"""The bare peer of the inference gateway: grpc.aio passes the bytes of any method on.

No credentials, no limits, no queue, no account: what is left when all that a
gateway is for is taken away.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc import aio

UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Relay(grpc.GenericRpcHandler):
    def __init__(self, upstream: str) -> None:
        self._channel = aio.insecure_channel(upstream, options=UNLIMITED)
        self._known: dict[str, Any] = {}

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        method = details.method
        if method not in self._known:
            make = self._stream if method.endswith("StreamInfer") else self._unary
            self._known[method] = make(method)
        return self._known[method]

    def _unary(self, method: str) -> Any:
        ask: Any = self._channel.unary_unary(method)

        async def answer(request: bytes, context: Any) -> bytes:
            return await ask(request)  # type: ignore[no-any-return]

        return grpc.unary_unary_rpc_method_handler(answer)

    def _stream(self, method: str) -> Any:
        ask: Any = self._channel.stream_stream(method)

        async def answer(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for message in ask(requests):
                yield message

        return grpc.stream_stream_rpc_method_handler(answer)


async def main(upstream: str) -> None:
    server = aio.server(options=UNLIMITED)
    server.add_generic_rpc_handlers((Relay(upstream),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
