"""The calls at work: to be cancelled, and to be waited for."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from types import TracebackType

from catnap.access import Grant
from catnap.errors import Cancelled
from catnap.tasks import Task


class Work:
    """One call at work: a block of its task."""

    __slots__ = ("_cancelled", "_id", "_running", "attempt", "task")

    task: asyncio.Task[object]

    def __init__(self, running: dict[str, Work], id: str, attempt: str) -> None:  # noqa: A002
        self._running, self._id, self.attempt = running, id, attempt
        self._cancelled = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.task = task
        self._running[self._id] = self

    def cancel(self) -> None:
        self._cancelled = True
        self.task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running.pop(self._id, None)
        if self._cancelled and kind is asyncio.CancelledError:
            self.task.uncancel()
            raise Cancelled(f"task {self._id} was cancelled by request") from None


class Live:
    """Calls at work by task id."""

    def __init__(self) -> None:
        self._running: dict[str, Work] = {}
        self._watchers: defaultdict[str, list[asyncio.Future[Task]]] = defaultdict(list)

    def __contains__(self, id: str) -> bool:  # noqa: A002
        return id in self._running

    def __len__(self) -> int:
        return len(self._running)

    def tasks(self) -> set[asyncio.Task[object]]:
        """What runs the calls."""
        return {each.task for each in self._running.values()}

    def ids(self) -> list[str]:
        return list(self._running)

    def holds(self, grant: Grant) -> bool:
        """Whether the call is at work that the Grant came with. Another attempt
        at the same task has another."""
        work = self._running.get(grant.task)
        return work is not None and work.attempt == grant.attempt

    def call(self, id: str, attempt: str = "") -> Work:  # noqa: A002
        """Marks a call as being at work for the length of the block. Turns
        a cancellation by request into the error that says so."""
        return Work(self._running, id, attempt)

    def cancel(self, id: str) -> bool:  # noqa: A002
        """Stops a call at work; whether there was one."""
        running = self._running.get(id)
        if running is None:
            return False
        running.cancel()
        return True

    def watch(self, id: str) -> asyncio.Future[Task]:  # noqa: A002
        """Is set when the task ends. Ask the journal after this, not before."""
        future: asyncio.Future[Task] = asyncio.get_running_loop().create_future()
        self._watchers[id].append(future)
        return future

    def unwatch(self, id: str, future: asyncio.Future[Task]) -> None:  # noqa: A002
        watchers = self._watchers.get(id, [])
        if future in watchers:
            watchers.remove(future)
        if not watchers:
            self._watchers.pop(id, None)

    def ended(self, task: Task) -> None:
        """Tells everybody who waits."""
        for future in self._watchers.pop(task.id, ()):
            if not future.done():
                future.set_result(task)
