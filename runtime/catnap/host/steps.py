"""A generator written without async, seen as one written with it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Generator
from functools import partial
from typing import Any

from catnap.host.threads import Threads

_END = object()


class Steps:
    """Each step runs in one of the threads, all in the same context.

    deadline: in the loop's time, see Threads. A step at work cannot be
    interrupted: a generator that is closed meanwhile is closed after it.
    """

    def __init__(
        self, parts: Generator[Any, None, None], threads: Threads, deadline: float
    ) -> None:
        self._parts = parts
        self._run = partial(threads.run, deadline=deadline)
        self._context = contextvars.copy_context()
        self._at_work = threading.Lock()
        self._closing = False

    async def __anext__(self) -> Any:
        part = await self._run(self._step)
        if part is _END:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        self._closing = True
        if not self._at_work.locked():
            # Whoever gives up waiting for it must not keep it from being done.
            await asyncio.shield(asyncio.ensure_future(self._run(self._close)))

    def _step(self) -> Any:
        try:
            with self._at_work:
                return self._context.run(next, self._parts, _END)
        finally:
            if self._closing:
                self._close()

    def _close(self) -> None:
        """Where a step is at work, that does it when it has ended."""
        if self._at_work.acquire(blocking=False):
            try:
                self._context.run(self._parts.close)
            finally:
                self._at_work.release()
