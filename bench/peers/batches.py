"""A model server that takes its requests in batches, each of the same time."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

import grpc
from grpc import aio

from bench.peers.relay import UNLIMITED
from bench.peers.tensors import SERVICE, response

SIZE, SECONDS = 16, 0.05
"""Requests of a batch, and what it takes, however many they are."""

_ANSWER = response(16).SerializeToString()


class Batches(grpc.GenericRpcHandler):
    def __init__(self) -> None:
        self._waiting = deque[asyncio.Future[bytes]]()
        self._working: asyncio.Task[None] | None = None

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        if details.method == SERVICE + "ModelInfer":
            return grpc.unary_unary_rpc_method_handler(self._infer)
        return None

    async def _infer(self, raw: bytes, context: Any) -> bytes:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        return await turn

    async def _work(self) -> None:
        while self._waiting:
            count = min(SIZE, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            await asyncio.sleep(SECONDS)
            for turn in batch:
                if not turn.done():
                    turn.set_result(_ANSWER)


async def main() -> None:
    server = aio.server(options=UNLIMITED)
    server.add_generic_rpc_handlers((Batches(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
