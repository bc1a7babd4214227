"""One thread runs a model for all who ask."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from catnap.errors import CatnapError, ResourceExhausted, Unavailable
from catnap.models.serving.worker import Job, Worker


@dataclass(frozen=True)
class Part:
    request: int


@dataclass(eq=False)
class Number(Job):
    number: int = 0
    runs: int = 0


class Doubling:
    """All that waits runs together; what is negative cannot."""

    def __init__(self) -> None:
        self.waiting: list[int] = []
        self.broken = False

    def add(self, key: int, job: Number, now: float) -> None:
        self.waiting.append(key)

    def drop(self, key: int) -> None:
        if key in self.waiting:
            self.waiting.remove(key)

    def take(self, now: float) -> list[Part]:
        if self.broken and self.waiting:
            raise RuntimeError("a mistake of ours")
        taken, self.waiting = self.waiting, []
        return [Part(key) for key in taken]

    def due(self) -> float | None:
        return 0.0 if self.waiting else None

    def rows(self, parts: Sequence[Part]) -> int:
        return len(parts)

    def run(self, parts: Sequence[tuple[Number, Part]]) -> list[Number]:
        if any(job.number < 0 for job, _ in parts):
            raise ValueError("a negative number")
        for job, _ in parts:
            job.number *= 2
            job.runs += 1
        return [job for job, _ in parts]

    def explain(self, error: Exception) -> CatnapError:
        return Unavailable(str(error))


@pytest.fixture
async def runs():
    return Doubling()


@pytest.fixture
async def worker(runs):
    worker = Worker("doubling", runs, most=10)
    worker.start()
    yield worker
    await worker.close()


async def test_each_is_done_once_whoever_fails_beside_it(worker):
    jobs = [Number(number=number) for number in (1, 2, -1, 3)]
    ended = await asyncio.gather(*(worker.do(job) for job in jobs), return_exceptions=True)
    assert [job.number for job in jobs] == [2, 4, -1, 6]
    assert [job.runs for job in jobs] == [1, 1, 0, 1]
    assert isinstance(ended[2], Unavailable)
    assert worker.statistics.success.count == 3
    assert worker.statistics.fail.count == 1


async def test_what_is_too_much_is_refused_until_there_is_room(worker):
    with worker.admitted(8):
        said = "8 are waiting and 3 more would exceed 10"
        with pytest.raises(ResourceExhausted, match=said), worker.admitted(3):
            pass
        with worker.admitted(2):
            pass
    with worker.admitted(3):
        pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_mistake_in_the_thread_leaves_nobody_waiting(worker, runs):
    runs.broken = True
    with pytest.raises(Unavailable, match="it is stopping"):
        await worker.do(Number())
    await asyncio.to_thread(worker._thread.join)
    with pytest.raises(Unavailable, match="it has stopped"):
        await worker.do(Number())
