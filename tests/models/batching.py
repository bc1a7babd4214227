"""A model server of the mind: it takes batches, each of which takes the same time."""

from __future__ import annotations

import asyncio
from collections import deque

from catnap.inference import grpc_service_pb2 as oip


class Batching:
    """size: requests of a batch at most; seconds: that it takes, whatever its size.
    most: requests that were here at once. answered: ever."""

    address = "of the mind"

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._waiting = deque[asyncio.Future[None]]()
        self._working: asyncio.Task[None] | None = None
        self._here = self.most = self.answered = 0

    async def ask(
        self, method: str, raw: bytes, left: float | None, traceparent: str = ""
    ) -> bytes:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._working is None or self._working.done():
            self._working = asyncio.create_task(self._work())
        self._here += 1
        self.most = max(self.most, self._here)
        try:
            await done
        finally:
            self._here -= 1
        self.answered += 1
        asked = oip.ModelInferRequest.FromString(raw)
        return oip.ModelInferResponse(model_name=asked.model_name, id=asked.id).SerializeToString()

    async def close(self, grace: float = 0.0) -> None:
        pass

    async def _work(self) -> None:
        while self._waiting:
            count = min(self._size, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            await asyncio.sleep(self._seconds)
            for each in batch:
                if not each.done():
                    each.set_result(None)
