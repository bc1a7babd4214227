"""A model in memory: fast, deterministic and without weights, for tests and dry
runs, and a server of it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np

from catnap.models.serving import server
from catnap.models.serving.batcher import Limits
from catnap.models.serving.embedder import WIDTH, Vectors
from catnap.models.serving.embedding import MAX_WAITING, Embedding
from catnap.models.serving.repository import Repository
from catnap.models.serving.tokenizer import MAX_TOKENS
from catnap.models.settings import Model
from catnap.traces.span import UNTRACED, Tracer


class WordTokenizer:
    """One id a word, between the ids of [CLS] and [SEP]."""

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        return [
            [101, *(zlib.crc32(word.encode()) % 30_000 for word in words[: MAX_TOKENS - 2]), 102]
            for words in map(str.split, texts)
        ]


class HashEmbedder:
    """A vector that depends on the ids of its text alone, not on its batch."""

    def run(self, batch: Sequence[Sequence[int]]) -> Vectors:
        vectors = np.zeros((len(batch), WIDTH), np.float32)
        for row, ids in enumerate(batch):
            seed = zlib.crc32(np.asarray(ids, np.int32).tobytes())
            vectors[row] = np.random.default_rng(seed).standard_normal(WIDTH)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors


@asynccontextmanager
async def serving(
    *names: str, max_waiting: int = MAX_WAITING, tracer: Tracer = UNTRACED
) -> AsyncIterator[str]:
    """The address of a server on this machine that embeds with each of these models."""

    def load(name: str, model: Model) -> dict[str, Embedding]:
        limits = Limits(area=512, padding=32)
        return {"1": Embedding(name, WordTokenizer(), HashEmbedder(), limits, max_waiting)}

    repository = Repository(lambda: dict.fromkeys(names, Model()), load)
    await repository.start()
    bound: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = asyncio.create_task(
        server.serve("127.0.0.1:0", repository, bound.set_result, stop, tracer)
    )
    try:
        yield await bound
    finally:
        stop.set()
        await running
        await repository.close()
