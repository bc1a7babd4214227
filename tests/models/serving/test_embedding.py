import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import numpy as np
import pytest

from catnap.errors import DeadlineExceeded, ResourceExhausted, Unavailable
from catnap.models.serving.batcher import Limits
from catnap.models.serving.embedder import Embedder, Vectors
from catnap.models.serving.embedding import Embedding
from catnap.models.serving.fake import HashEmbedder, WordTokenizer

LIMITS = Limits(area=512, padding=32)


class Gate(HashEmbedder):
    """Runs a batch when the test lets it, and remembers what ran."""

    def __init__(self) -> None:
        self.started = threading.Semaphore(0)
        self.allowed = threading.Semaphore(0)
        self.batches: list[list[list[int]]] = []

    def run(self, batch: Sequence[Sequence[int]]) -> Vectors:
        self.batches.append([list(ids) for ids in batch])
        self.started.release()
        self.allowed.acquire()
        return super().run(batch)

    async def a_batch_has_started(self) -> None:
        await asyncio.to_thread(self.started.acquire)

    def open(self) -> None:
        self.allowed.release(1000)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@asynccontextmanager
async def serving(embedder: Embedder, max_waiting: int = 16_384) -> AsyncIterator[Embedding]:
    model = Embedding("minilm", WordTokenizer(), embedder, LIMITS, max_waiting)
    model.start()
    yield model
    await model.close()


@pytest.fixture
async def engine(gate: Gate) -> AsyncIterator[Embedding]:
    async with serving(gate, max_waiting=500) as engine:
        yield engine
        gate.open()


def expected(texts: list[str]) -> np.ndarray:
    return HashEmbedder().run(WordTokenizer().encode(texts))


def texts_of(name: str, count: int, words: int = 200) -> list[str]:
    return [f"{name}{place} " + "word " * (words - place % 50) for place in range(count)]


async def test_every_caller_gets_the_vectors_of_its_own_texts_in_order():
    callers = [texts_of(f"caller{n}-", count=n * 7, words=60) for n in range(12)]
    async with serving(HashEmbedder()) as engine:
        answers = await asyncio.gather(*(engine.embed(texts) for texts in callers))
    for texts, answer in zip(callers, answers, strict=True):
        np.testing.assert_array_equal(answer.vectors, expected(texts))
        assert answer.vectors.shape == (len(texts), 384)
        assert [len(ids) for ids in answer.ids] == [len(text.split()) + 2 for text in texts]


async def test_no_texts_have_no_vectors(engine):
    answer = await engine.embed([])
    assert answer.vectors.shape == (0, 384)
    assert answer.ids == []


async def test_a_question_is_answered_while_a_large_request_runs(engine, gate):
    large = asyncio.create_task(engine.embed(texts_of("large", 100)))
    await gate.a_batch_has_started()
    question = asyncio.create_task(engine.embed(["what is a question"]))
    await asyncio.sleep(0)
    gate.allowed.release(2)
    await question
    assert not large.done()
    gate.open()
    await large


async def test_texts_of_a_cancelled_request_never_run(engine, gate):
    large = asyncio.create_task(engine.embed(texts_of("large", 100)))
    await gate.a_batch_has_started()
    large.cancel()
    await asyncio.wait([large])
    gate.open()
    await engine.embed(["still here"])
    assert len(gate.batches) == 2


async def test_a_request_ends_at_its_deadline(engine, gate):
    with pytest.raises(DeadlineExceeded, match="no answer within 0 s"):
        await engine.embed(["too late"], timeout=0)


async def test_what_exceeds_the_queue_is_refused_and_what_waits_is_kept(engine, gate):
    waiting = asyncio.create_task(engine.embed(texts_of("large", 499)))
    await gate.a_batch_has_started()
    with pytest.raises(ResourceExhausted, match="499 are waiting and 2 more") as refused:
        await engine.embed(["one", "two"])
    assert refused.value.retry_after
    gate.open()
    assert len((await waiting).ids) == 499
    assert len((await engine.embed(["one", "two"])).ids) == 2


async def test_a_batch_that_fails_fails_its_callers_and_nobody_else(caplog):
    class Fragile(HashEmbedder):
        def run(self, batch: Sequence[Sequence[int]]) -> Vectors:
            if any(len(ids) == 5 for ids in batch):
                raise RuntimeError("a bad kernel")
            return super().run(batch)

    async with serving(Fragile()) as engine:
        with pytest.raises(Unavailable, match="failed on a request"):
            await engine.embed(["three words here"])
        assert len((await engine.embed(["fine"])).ids) == 1
    assert "a bad kernel" in caplog.text


async def test_a_model_that_leaves_finishes_what_is_in_hand(gate):
    model = Embedding("minilm", WordTokenizer(), gate, LIMITS)
    model.start()
    waiting = asyncio.create_task(model.embed(["a text"]))
    await gate.a_batch_has_started()
    leaving = asyncio.create_task(model.close())
    gate.open()
    await leaving
    assert waiting.done()
    assert len((await waiting).ids) == 1
