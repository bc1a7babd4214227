"""The requests in hand of one model, and the one thread that runs it for all of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Generic, Protocol, TypeVar

from catnap.errors import (
    CatnapError,
    DeadlineExceeded,
    InvalidRequest,
    ResourceExhausted,
    Unavailable,
)
from catnap.models.serving.statistics import Statistics

FINISH = 30.0
"""Seconds that what is in hand may take when a model leaves."""

_LEAVE = 10.0
"""Seconds that its last run may take after them."""

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Job:
    """A request in hand. Times are of the worker's clock, in seconds."""

    came: float = 0.0
    began: float = 0.0
    """When its first part ran; 0 before that."""
    compute: float = 0.0
    """Seconds of the runs that it had a part in."""
    batch: int = 0
    """Rows of the largest of these."""
    done: asyncio.Future[None] = field(init=False)


class Part(Protocol):
    """Of a request: what of it is in one run."""

    @property
    def request(self) -> int: ...


J = TypeVar("J", bound=Job)
P = TypeVar("P", bound=Part)
_Told = tuple[J, CatnapError | None]


class Runs(Protocol[J, P]):
    """A model, and what waits for it. Only the worker's thread calls it."""

    def add(self, key: int, job: J, now: float) -> None:
        """It waits, under a key of ours."""
        ...

    def drop(self, key: int) -> None:
        """It waits no more, if it did."""
        ...

    def take(self, now: float) -> list[P]:
        """What runs now; empty where nothing waits, or may wait for more."""
        ...

    def due(self) -> float | None:
        """When to take again, where something waits."""
        ...

    def rows(self, parts: Sequence[P]) -> int:
        """How many the statistics count for one run."""
        ...

    def run(self, parts: Sequence[tuple[J, P]]) -> list[J]:
        """Gives each job the results of its part, and returns those that are complete."""
        ...

    def explain(self, error: Exception) -> CatnapError:
        """What its caller is told of a request that fails alone."""
        ...


class Worker(Generic[J, P]):
    """Works from `start` to `close`, both of which the event loop calls."""

    def __init__(
        self,
        name: str,
        runs: Runs[J, P],
        most: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """name: the model's. most: of the sizes of all requests in hand."""
        self.statistics = Statistics()
        self._name = name
        self._runs = runs
        self._most = most
        self._clock = clock
        self._in_hand = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._keys = itertools.count()
        self._jobs: dict[int, J] = {}
        """Those in hand; only the thread touches it."""
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name=f"model {name}", daemon=True)

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def close(self) -> None:
        """Finishes what is in hand, within FINISH seconds; what is left then is told
        that the model is leaving."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FINISH):
                await self._idle.wait()
        self._inbox.put(self._stop)
        await asyncio.to_thread(self._thread.join, _LEAVE)

    @contextlib.contextmanager
    def admitted(self, size: int) -> Iterator[None]:
        """A request of that size is in hand. Raises ResourceExhausted where too
        much is already."""
        if self._in_hand + size > self._most:
            raise ResourceExhausted(
                f"model {self._name!r}: {self._in_hand} are waiting and {size} more would "
                f"exceed {self._most}: repeat later",
                retry_after=1.0,
            )
        self._in_hand += size
        self._idle.clear()
        try:
            yield
        finally:
            self._in_hand -= size
            if not self._in_hand:
                self._idle.set()

    async def do(self, job: J, timeout: float | None = None) -> None:
        """Returns once it is complete, within so many seconds.

        Cancelling the call, or its timeout, drops what has not started. Raises
        DeadlineExceeded, what the model makes of an error, and Unavailable where
        the model leaves.
        """
        job.done, job.came = self._loop.create_future(), self._clock()
        key = next(self._keys)
        if not self._thread.is_alive():
            raise Unavailable(f"model {self._name!r}: it has stopped", retry_after=1.0)
        self._inbox.put(lambda: self._enter(key, job))
        try:
            async with asyncio.timeout(timeout):
                await job.done
        except TimeoutError:
            raise DeadlineExceeded(
                f"model {self._name!r}: no answer within {timeout:.3g} s"
            ) from None
        finally:
            if not job.done.done() or job.done.cancelled():
                self._inbox.put(lambda: self._leave(key))

    # All below is the thread's.

    def _work(self) -> None:
        try:
            while not self._stopped:
                self._listen()
                parts = self._runs.take(self._clock())
                if parts:
                    self._run(parts)
        finally:
            leaving = Unavailable(f"model {self._name!r}: it is stopping", retry_after=1.0)
            self._tell([(job, leaving) for job in self._jobs.values()])

    def _listen(self) -> None:
        """Hears what there is; waits for it where there is nothing else to do."""
        due = self._runs.due()
        wait = None if due is None else due - self._clock()
        with contextlib.suppress(Empty):
            if wait is None or wait > 0:
                self._inbox.get(timeout=wait)()
            while True:
                self._inbox.get_nowait()()

    def _enter(self, key: int, job: J) -> None:
        self._jobs[key] = job
        self._runs.add(key, job, job.came)

    def _leave(self, key: int) -> None:
        self._runs.drop(key)
        self._jobs.pop(key, None)

    def _stop(self) -> None:
        self._stopped = True

    def _run(self, parts: list[P]) -> None:
        began = self._clock()
        try:
            told: list[_Told[J]] = [(job, None) for job in self._ask(parts, began)]
        except Exception as error:
            told = self._alone(parts, error)
        took, rows = self._clock() - began, self._runs.rows(parts)
        self.statistics.ran(rows, took)
        ended = {id(job) for job, _ in told}
        for key, job in {part.request: self._jobs[part.request] for part in parts}.items():
            job.compute += took
            job.batch = max(job.batch, rows)
            if id(job) in ended:
                self._leave(key)
        for job, reason in told:
            whole = self._clock() - job.came
            self.statistics.answered(whole, job.began - job.came, job.compute, reason)
        self._tell(told)

    def _ask(self, parts: Sequence[P], now: float) -> list[J]:
        jobs = [(self._jobs[part.request], part) for part in parts]
        for job, _ in jobs:
            job.began = job.began or now
        return self._runs.run(jobs)

    def _alone(self, parts: Sequence[P], error: Exception) -> list[_Told[J]]:
        """Each for itself, so that one that cannot be computed fails nobody else."""
        if len(parts) == 1:
            return [(self._jobs[parts[0].request], self._reason(error))]
        told: list[_Told[J]] = []
        failed = set[int]()
        for part in parts:
            if part.request in failed:
                continue
            try:
                told += [(job, None) for job in self._ask([part], self._clock())]
            except Exception as own:
                failed.add(part.request)
                told.append((self._jobs[part.request], self._reason(own)))
        return told

    def _reason(self, error: Exception) -> CatnapError:
        reason = self._runs.explain(error)
        if not isinstance(reason, InvalidRequest):
            _log.error("model %r failed on a request", self._name, exc_info=error)
        return reason

    def _tell(self, told: Sequence[_Told[J]]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody listens
            self._loop.call_soon_threadsafe(_deliver, told)


def _deliver(told: Sequence[_Told[J]]) -> None:
    for job, error in told:
        if job.done.done():
            continue
        if error:
            job.done.set_exception(error)
        else:
            job.done.set_result(None)
