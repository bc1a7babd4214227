"""The requests in hand and the one thread that runs the model for all of them."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from catnap.errors import CatnapError, DeadlineExceeded, ResourceExhausted, Unavailable
from catnap.models.serving.batcher import Batcher, Limits, Text
from catnap.models.serving.embedder import WIDTH, Embedder, Vectors
from catnap.models.serving.tokenizer import Tokenizer

log = logging.getLogger(__name__)

MAX_WAITING = 16_384
"""Texts in hand, of all requests, beyond which requests are refused."""

# Below this many characters a hop to a thread costs more than reading the text.
_SMALL_CHARACTERS = 4096


@dataclass(frozen=True)
class Embeddings:
    """One row a text, in the order asked."""

    vectors: Vectors
    """float32 [texts, 384], each of length one."""
    tokens: npt.NDArray[np.int32]
    """int32 [texts]: tokens read of each text after cutting."""


@dataclass
class _Job:
    ids: list[list[int]]
    done: asyncio.Future[None]
    vectors: Vectors = field(init=False)
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = len(self.ids)
        self.vectors = np.empty((self.left, WIDTH), np.float32)

    def accept(self, place: int, vector: npt.NDArray[np.float32]) -> None:
        self.vectors[place] = vector
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: CatnapError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Engine:
    """Embeds texts for many callers at once. Works between `async with` and its end.

    All state belongs to the event loop; only `Embedder.run` and the reading of
    large requests happen in threads, one of each.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        embedder: Embedder,
        limits: Limits,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._tokenizer = tokenizer
        self._embedder = embedder
        self._batcher = Batcher(limits)
        self._max_waiting = max_waiting
        self._in_hand = 0
        self._keys = itertools.count()
        self._jobs: dict[int, _Job] = {}
        self._arrived = asyncio.Event()
        self._reader = ThreadPoolExecutor(1, "tokenizer")
        self._runner = ThreadPoolExecutor(1, "model")

    async def __aenter__(self) -> Self:
        self._working = asyncio.create_task(self._work())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._working.cancel()
        await asyncio.wait([self._working])
        for job in self._jobs.values():
            job.fail(Unavailable("the model server is stopping"))
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._runner.shutdown(wait=False, cancel_futures=True)

    async def embed(self, texts: Sequence[str], timeout: float | None = None) -> Embeddings:
        """The vectors of `texts`, within `timeout` seconds (default: however long it takes).

        Cancelling the call, or its timeout, drops what has not started. Raises
        ResourceExhausted when too much waits already, DeadlineExceeded, and
        Unavailable when the model fails or the engine stops.
        """
        if self._in_hand + len(texts) > self._max_waiting:
            raise ResourceExhausted(
                f"{self._in_hand} texts are waiting and {len(texts)} more would exceed "
                f"{self._max_waiting}: repeat later",
                retry_after=1.0,
            )
        self._in_hand += len(texts)
        try:
            async with asyncio.timeout(timeout):
                return await self._embed(texts)
        except TimeoutError:
            raise DeadlineExceeded(f"{len(texts)} texts took longer than {timeout:.3g} s") from None
        finally:
            self._in_hand -= len(texts)

    async def _embed(self, texts: Sequence[str]) -> Embeddings:
        loop = asyncio.get_running_loop()
        if sum(map(len, texts)) <= _SMALL_CHARACTERS:
            ids = self._tokenizer.encode(texts)
        else:
            ids = await loop.run_in_executor(self._reader, self._tokenizer.encode, texts)
        lengths = [len(text) for text in ids]
        job, key = _Job(ids, loop.create_future()), next(self._keys)
        if lengths:
            self._jobs[key] = job
            self._batcher.add(key, lengths)
            self._arrived.set()
            try:
                await job.done
            finally:
                del self._jobs[key]
                self._batcher.drop(key)
        return Embeddings(job.vectors, np.array(lengths, np.int32))

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            batch = self._batcher.take()
            if not batch:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            ids = [self._jobs[text.request].ids[text.place] for text in batch]
            try:
                vectors = await loop.run_in_executor(self._runner, self._embedder.run, ids)
            except Exception:
                log.exception("a batch of %d texts failed", len(batch))
                self._fail(batch)
            else:
                self._deliver(batch, vectors)

    def _deliver(self, batch: list[Text], vectors: Vectors) -> None:
        for text, vector in zip(batch, vectors, strict=True):
            if job := self._jobs.get(text.request):
                job.accept(text.place, vector)

    def _fail(self, batch: list[Text]) -> None:
        for request in {text.request for text in batch}:
            self._batcher.drop(request)
            if job := self._jobs.get(request):
                job.fail(Unavailable("the model failed on a batch; the server's log says why"))
