"""Threads that run what is written without async."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """Up to `size` threads, started when needed and then kept.

    They are daemons: one that never returns cannot be ended, and must not
    hold up the process's exit.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._started = 0
        self._unfinished = 0
        self._running: dict[_Job, float | None] = {}

    async def run(self, work: Callable[[], T], *, deadline: float | None = None) -> T:
        """Runs `work` in a thread, with the caller's context variables.

        deadline: in the loop's time; for `overdue` alone. A caller that is
        cancelled leaves at once; its work goes on if it has begun. Raises
        RuntimeError where no thread can be started.
        """
        loop = asyncio.get_running_loop()
        if self._started < min(self._unfinished + 1, self._size):
            thread = threading.Thread(target=self._work, daemon=True, name="catnap-call")
            # It outlives this call, whose context it must not keep.
            contextvars.Context().run(thread.start)
            self._started += 1  # only now: the system may have none to give
        job = _Job(work, contextvars.copy_context(), loop, deadline)
        self._unfinished += 1
        self._jobs.put(job)
        result: T = await job.future
        return result

    def overdue(self, now: float) -> bool:
        """Whether something runs on past its deadline."""
        return any(d is not None and d < now for d in list(self._running.values()))

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if not job.future.cancelled():
                self._running[job] = job.deadline
                job()
                del self._running[job]
            try:
                job.loop.call_soon_threadsafe(self._finish, job)
            except RuntimeError:
                return  # the loop is closed: the process is about to exit
            del job  # with all that it was given, and gave

    def _finish(self, job: _Job) -> None:
        self._unfinished -= 1
        if job.future.cancelled():
            return
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


class _Job:
    """One piece of work. The future belongs to the loop's thread; the worker
    leaves its outcome in `result` or `error`."""

    __slots__ = ("context", "deadline", "error", "future", "loop", "result", "work")

    def __init__(
        self,
        work: Callable[[], Any],
        context: contextvars.Context,
        loop: asyncio.AbstractEventLoop,
        deadline: float | None,
    ) -> None:
        self.work = work
        self.context = context
        self.loop = loop
        self.deadline = deadline
        self.future: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: BaseException | None = None

    def __call__(self) -> None:
        try:
            self.result = self.context.run(self.work)
        except StopIteration as error:
            # A future refuses it, since it would end the awaiting coroutine.
            self.error = RuntimeError(f"StopIteration: {error.value!r}")
        except BaseException as error:
            self.error = error
