"""Embeds texts for many callers at once.

in    text       BYTES [-1]       UTF-8, at most 4096 texts
out   embedding  FP32  [-1, 384]  each row of length one
      tokens     INT32 [-1]       tokens read of each text after cutting
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from catnap.errors import CatnapError, InvalidRequest, Unavailable
from catnap.models.request import Request
from catnap.models.serving import tensors
from catnap.models.serving.batcher import Batcher, Limits, Text
from catnap.models.serving.embedder import WIDTH, Embedder, Vectors
from catnap.models.serving.served import FINAL, About, timings
from catnap.models.serving.signature import Signature, tensor
from catnap.models.serving.statistics import Statistics
from catnap.models.serving.tokenizer import Tokenizer
from catnap.models.serving.worker import Job, Worker

MAX_TEXTS = 4096
"""In one request."""

MAX_WAITING = 16_384
"""Texts in hand, of all requests, beyond which requests are refused."""

# Below this many characters a hop to a thread costs more than reading the text.
_SMALL_CHARACTERS = 4096

_SIGNATURE = Signature(
    (tensor("text", "BYTES", None),),
    (tensor("embedding", "FP32", None, WIDTH), tensor("tokens", "INT32", None)),
)


@dataclass(eq=False)
class Texts(Job):
    """A request's texts as ids, and what becomes of them: float32 [texts, 384]."""

    ids: list[list[int]] = field(default_factory=list)
    vectors: Vectors = field(init=False)
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = len(self.ids)
        self.vectors = np.empty((self.left, WIDTH), np.float32)


class TextRuns:
    """`worker.Runs` of texts by their lengths."""

    def __init__(self, name: str, embedder: Embedder, limits: Limits) -> None:
        self._name = name
        self._embedder = embedder
        self._batcher = Batcher(limits)

    def add(self, key: int, job: Texts, now: float) -> None:
        self._batcher.add(key, [len(ids) for ids in job.ids])

    def drop(self, key: int) -> None:
        self._batcher.drop(key)

    def take(self, now: float) -> list[Text]:
        return self._batcher.take()

    def due(self) -> float | None:
        return 0.0 if self._batcher else None

    def rows(self, parts: Sequence[Text]) -> int:
        return len(parts)

    def run(self, parts: Sequence[tuple[Texts, Text]]) -> list[Texts]:
        vectors = self._embedder.run([job.ids[text.place] for job, text in parts])
        complete = list[Texts]()
        for (job, text), vector in zip(parts, vectors, strict=True):
            job.vectors[text.place] = vector
            job.left -= 1
            if not job.left:
                complete.append(job)
        return complete

    def explain(self, error: Exception) -> CatnapError:
        return Unavailable(f"model {self._name!r} failed on a request; the server's log says why")


class Embedding:
    """`served.Served` of an embedder."""

    def __init__(
        self,
        name: str,
        tokenizer: Tokenizer,
        embedder: Embedder,
        limits: Limits,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self.about = About(_SIGNATURE, "onnxruntime_onnx", "onnxruntime")
        self._tokenizer = tokenizer
        self._reader = ThreadPoolExecutor(1, "tokenizer")
        self._worker = Worker(name, TextRuns(name, embedder, limits), max_waiting)

    def start(self) -> None:
        self._worker.start()

    @property
    def statistics(self) -> Statistics:
        return self._worker.statistics

    async def infer(self, request: Request, version: str, timeout: float | None) -> bytes:
        names = tensors.read_outputs(request.message, _SIGNATURE)
        texts = tensors.read(request, _SIGNATURE)["text"]
        if len(texts) > MAX_TEXTS:
            raise InvalidRequest(
                f"input 'text': {len(texts)} texts, at most {MAX_TEXTS} in one request"
            )
        job = await self.embed(texts.tolist(), timeout)
        found = {
            "embedding": job.vectors,
            "tokens": np.array([len(ids) for ids in job.ids], np.int32),
        }
        outputs = [(_SIGNATURE.output(name), found[name]) for name in names]
        return tensors.write(request.message, version, outputs, timings(request, job))

    async def stream(
        self, request: Request, version: str, timeout: float | None
    ) -> AsyncGenerator[bytes, None]:
        yield await self.infer(request, version, timeout) + FINAL

    async def embed(self, texts: Sequence[str], timeout: float | None = None) -> Texts:
        """Their ids and vectors. Raises as `worker.Worker` does."""
        with self._worker.admitted(len(texts)):
            job = Texts(ids=await self._read(texts))
            if texts:
                await self._worker.do(job, timeout)
            return job

    async def _read(self, texts: Sequence[str]) -> list[list[int]]:
        if sum(map(len, texts)) <= _SMALL_CHARACTERS:
            return self._tokenizer.encode(texts)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._reader, self._tokenizer.encode, texts)

    async def close(self) -> None:
        await self._worker.close()
        self._reader.shutdown(wait=False, cancel_futures=True)
