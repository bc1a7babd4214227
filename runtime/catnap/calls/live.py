"""The calls at work: to be cancelled, and to be waited for."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from catnap.errors import Cancelled
from catnap.tasks import Task


class Live:
    """Calls at work by task id. A Grant counts while its task is here."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[object]] = {}
        self._cancelled: set[str] = set()
        self._watchers: defaultdict[str, list[asyncio.Future[Task]]] = defaultdict(list)

    def __contains__(self, id: str) -> bool:  # noqa: A002
        return id in self._running

    def __len__(self) -> int:
        return len(self._running)

    @contextmanager
    def call(self, id: str) -> Iterator[None]:  # noqa: A002
        """Marks a call as being at work for the length of the block. Turns
        a cancellation by request into the error that says so."""
        current = asyncio.current_task()
        assert current is not None
        self._running[id] = current
        try:
            yield
        except asyncio.CancelledError:
            if id not in self._cancelled:
                raise
            current.uncancel()
            raise Cancelled(f"task {id} was cancelled by request") from None
        finally:
            self._running.pop(id, None)
            self._cancelled.discard(id)

    def cancel(self, id: str) -> bool:  # noqa: A002
        """Stops a call at work; whether there was one."""
        running = self._running.get(id)
        if running is None:
            return False
        self._cancelled.add(id)
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
