"""Generates text for several callers at once, who take turns by the token.

    in    text_input           BYTES [1]
          stream               BOOL  [1]   each piece as it comes, or all at the end
          sampling_parameters  BYTES [1]   JSON, see `sampling`
    out   text_output          BYTES [1]

The tensors are those of Triton's vLLM backend. The parameters of the last answer
say how it ended: finish_reason, prompt_tokens, completion_tokens.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from catnap.errors import CatnapError, Unavailable
from catnap.models.request import Request
from catnap.models.serving import tensors
from catnap.models.serving.datatypes import Array
from catnap.models.serving.genai import Language, Text
from catnap.models.serving.sampling import Sampling, parse
from catnap.models.serving.served import FINAL, About, timings
from catnap.models.serving.signature import Signature, Tensor, tensor
from catnap.models.serving.statistics import Statistics
from catnap.models.serving.stops import Stops
from catnap.models.serving.worker import Job, Worker

MAX_WAITING = 1024
"""Requests in hand, beyond which they are refused."""

_SIGNATURE = Signature(
    (
        tensor("text_input", "BYTES", 1),
        tensor("stream", "BOOL", 1, optional=True),
        tensor("sampling_parameters", "BYTES", 1, optional=True),
    ),
    (tensor("text_output", "BYTES", 1),),
)


class Generated(Job):
    """A text that is asked for. To be made where the event loop runs."""

    def __init__(self, prompt: str, sampling: Sampling) -> None:
        super().__init__()
        self.prompt = prompt
        self.sampling = sampling
        self.stops = Stops(sampling.stops)
        self.text: Text | None = None
        self.finish_reason = ""
        self.pieces = asyncio.Queue[str | None]()
        """As they come, and None at the end."""
        self._loop = asyncio.get_running_loop()

    def say(self, piece: str) -> None:
        """Called by any thread."""
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens
            self._loop.call_soon_threadsafe(self.pieces.put_nowait, piece)


@dataclass(frozen=True, slots=True)
class Turn:
    """The next token of a request."""

    request: int


class TextTurns:
    """`worker.Runs` of texts: the first so many take turns, and the others wait."""

    def __init__(self, name: str, language: Language, at_once: int) -> None:
        self._name = name
        self._language = language
        self._at_once = at_once
        self._running: deque[int] = deque()
        self._waiting: dict[int, None] = {}

    def add(self, key: int, job: Generated, now: float) -> None:
        self._waiting[key] = None

    def drop(self, key: int) -> None:
        self._waiting.pop(key, None)
        if key in self._running:
            self._running.remove(key)

    def take(self, now: float) -> list[Turn]:
        while self._waiting and len(self._running) < self._at_once:
            key = next(iter(self._waiting))
            del self._waiting[key]
            self._running.appendleft(key)  # reads its prompt at once
        if not self._running:
            return []
        self._running.rotate(-1)
        return [Turn(self._running[-1])]

    def due(self) -> float | None:
        return 0.0 if self._running or self._waiting else None

    def rows(self, parts: Sequence[Turn]) -> int:
        return len(parts)

    def run(self, parts: Sequence[tuple[Generated, Turn]]) -> list[Generated]:
        return [job for job, _ in parts if self._step(job)]

    def explain(self, error: Exception) -> CatnapError:
        if isinstance(error, CatnapError):
            return error
        return Unavailable(f"model {self._name!r} failed on a request; the server's log says why")

    def _step(self, job: Generated) -> bool:
        """Whether it has come to its end."""
        text = job.text = job.text or self._language.begin(job.prompt, job.sampling)
        said = job.stops.feed(text.next())
        job.finish_reason = "stop" if job.stops.stopped else text.finish_reason
        if job.finish_reason:
            said += job.stops.end()
        if said:
            job.say(said)
        return bool(job.finish_reason)


class Generation:
    """`served.Served` of a language model. at_once: texts that take turns."""

    def __init__(self, name: str, language: Language, device: str, at_once: int) -> None:
        self.about = About(
            _SIGNATURE, "onnxruntime_genai", "onnxruntime-genai", device=device, decoupled=True
        )
        self._worker = Worker(name, TextTurns(name, language, at_once), MAX_WAITING)

    def start(self) -> None:
        self._worker.start()

    @property
    def statistics(self) -> Statistics:
        return self._worker.statistics

    async def infer(self, request: Request, version: str, timeout: float | None) -> bytes:
        asked = _Asked(request)
        async with aclosing(self._pieces(asked.job, timeout)) as pieces:
            text = "".join([each async for each in pieces])
        return _last(request, version, asked.job, text)

    async def stream(
        self, request: Request, version: str, timeout: float | None
    ) -> AsyncGenerator[bytes, None]:
        asked, whole = _Asked(request), ""
        async with aclosing(self._pieces(asked.job, timeout)) as pieces:
            async for each in pieces:
                if asked.by_pieces:
                    yield tensors.write(request.message, version, _outputs(each))
                else:
                    whole += each
        yield _last(request, version, asked.job, whole) + FINAL

    async def close(self) -> None:
        await self._worker.close()

    async def _pieces(self, job: Generated, timeout: float | None) -> AsyncGenerator[str, None]:
        """Leaving it ends the generation."""
        with self._worker.admitted(1):
            running = asyncio.create_task(self._worker.do(job, timeout))
            running.add_done_callback(lambda _: job.pieces.put_nowait(None))
            try:
                while (piece := await job.pieces.get()) is not None:
                    yield piece
                await running
            finally:
                running.cancel()
                await asyncio.wait([running])


class _Asked:
    """by_pieces: whether they are wanted as they come. Raises InvalidRequest."""

    def __init__(self, request: Request) -> None:
        tensors.read_outputs(request.message, _SIGNATURE)
        found = {name: array[0] for name, array in tensors.read(request, _SIGNATURE).items()}
        self.by_pieces = bool(found.get("stream", False))
        sampling = parse(found.get("sampling_parameters", ""))
        self.job = Generated(found["text_input"], sampling)


def _last(request: Request, version: str, job: Generated, text: str) -> bytes:
    made = job.text
    assert made
    how = {
        "finish_reason": job.finish_reason,
        "prompt_tokens": made.prompt_tokens,
        "completion_tokens": made.completion_tokens,
        **timings(request, job),
    }
    return tensors.write(request.message, version, _outputs(text), how)


def _outputs(text: str) -> list[tuple[Tensor, Array]]:
    return [(_SIGNATURE.outputs[0], np.array([text], object))]
