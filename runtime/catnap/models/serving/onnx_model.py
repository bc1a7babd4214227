"""A graph of any inputs and outputs, run for many callers at once."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from catnap.errors import CatnapError
from catnap.models.request import Request
from catnap.models.serving import tensors
from catnap.models.serving.buckets import Buckets, Slice, Tensors
from catnap.models.serving.datatypes import Array
from catnap.models.serving.independence import examples, has_rows, independent
from catnap.models.serving.rows import Part, Rows
from catnap.models.serving.served import FINAL, About, timings
from catnap.models.serving.session import Session, explain
from catnap.models.serving.statistics import Statistics
from catnap.models.serving.worker import Job, Worker
from catnap.models.settings import Model

MAX_WAITING = 16_384
"""Rows in hand, of all requests, beyond which requests are refused; of large ones,
as many as fill 1 GiB."""

_ROW = 65_536
"""Bytes that count as a row."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Rowful(Job):
    """A request's inputs, and its outputs in the order in which its parts ran."""

    tensors: Tensors = field(default_factory=dict)
    rows: int = 1
    done_rows: int = 0
    parts: list[list[Array]] = field(default_factory=list)

    def outputs(self) -> list[Array]:
        """In the signature's order."""
        if len(self.parts) == 1:
            return self.parts[0]
        return [np.concatenate(each) for each in zip(*self.parts, strict=True)]


class RowRuns:
    """`worker.Runs` of requests by their rows."""

    def __init__(self, name: str, session: Session, buckets: Buckets, rows: Rows) -> None:
        self._name = name
        self._session = session
        self._buckets = buckets
        self._rows = rows

    def add(self, key: int, job: Rowful, now: float) -> None:
        self._rows.add(key, self._buckets.bucket(job.tensors), job.rows, now)

    def drop(self, key: int) -> None:
        self._rows.drop(key)

    def take(self, now: float) -> list[Part]:
        return self._rows.take(now)

    def due(self) -> float | None:
        return self._rows.due()

    def rows(self, parts: Sequence[Part]) -> int:
        return sum(part.rows for part in parts)

    def run(self, parts: Sequence[tuple[Rowful, Part]]) -> list[Rowful]:
        slices = [Slice(job.tensors, part.first, part.rows) for job, part in parts]
        outputs = self._session.run(self._buckets.feed(slices))
        self._buckets.check(outputs, slices)
        complete, first = list[Rowful](), 0
        for (job, part), each in zip(parts, slices, strict=True):
            job.parts.append(self._buckets.cut(outputs, first, each))
            job.done_rows += part.rows
            first += part.rows
            if job.done_rows == job.rows:
                complete.append(job)
        return complete

    def explain(self, error: Exception) -> CatnapError:
        return explain(self._name, error)


class OnnxModel:
    """`served.Served` of a folder's model.onnx."""

    def __init__(self, name: str, graph: Path, settings: Model, threads: int) -> None:
        """Loaded, and warm. Raises as `session.Session` and `buckets.Buckets` do.
        To be called in a thread: `start` is for the event loop."""
        session = Session(graph, settings.device, threads)
        batch, signature = settings.batch, session.signature
        batches = _batches(name, session, settings)
        buckets = Buckets(signature, batch, batches)
        size = batch.size if batches else 1
        self.about = About(
            signature,
            "onnxruntime_onnx",
            "onnxruntime",
            size=batch.size if batches else 0,
            delay=batch.delay if batches else 0.0,
            buckets=batch.buckets,
            device=settings.device,
        )
        self._buckets = buckets
        rows = Rows(size, self.about.delay)
        self._worker = Worker(name, RowRuns(name, session, buckets, rows), MAX_WAITING)
        _warm(session, self.about)

    def start(self) -> None:
        self._worker.start()

    @property
    def statistics(self) -> Statistics:
        return self._worker.statistics

    async def infer(self, request: Request, version: str, timeout: float | None) -> bytes:
        signature = self.about.signature
        names = tensors.read_outputs(request.message, signature)
        found = tensors.read(request, signature)
        job = Rowful(tensors=found, rows=self._buckets.rows(found))
        size = max(1, job.rows, sum(array.nbytes for array in found.values()) // _ROW)
        with self._worker.admitted(min(size, MAX_WAITING)):
            await self._worker.do(job, timeout)
        outputs = dict(zip(signature.outputs, job.outputs(), strict=True))
        asked = [(tensor, outputs[tensor]) for tensor in map(signature.output, names)]
        return tensors.write(request.message, version, asked, timings(request, job))

    async def stream(
        self, request: Request, version: str, timeout: float | None
    ) -> AsyncGenerator[bytes, None]:
        yield await self.infer(request, version, timeout) + FINAL

    async def close(self) -> None:
        await self._worker.close()


def _batches(name: str, session: Session, settings: Model) -> bool:
    """Whether requests may be put together; where they are not, the log says why."""
    if settings.batch.size == 1 or not has_rows(session.signature):
        return False
    try:
        if independent(session.signature, session.run, *settings.batch.buckets[:1]):
            return True
        why = "what one row gives depends on the others"
    except Exception as error:
        why = f"a try of two rows failed: {explain(name, error).message}"
    _log.warning("model %r: its requests run one by one: %s", name, why)
    return False


def _warm(session: Session, about: About) -> None:
    """Each bucket has run once, so that nobody waits for its memory and its kernels."""
    for length in about.buckets or (None,):
        for rows in {1, about.size or 1}:
            feed = examples(about.signature, rows, *([length] if length else []))
            try:
                session.run(feed)
            except Exception as error:
                _log.info("%d rows of %s were not computed: %s", rows, length, error)
