"""One connection in one thread; many callers, few commits.

While a commit is being written to disk, the work of other callers gathers; it
goes into the next one together. That is what makes durable commits affordable.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from catnap.errors import Unavailable
from catnap.store.database import Database, Engine
from catnap.store.migrations import Component
from catnap.store.sqlite import SQLite

T = TypeVar("T")
Work = Callable[[Database], Any]
_Entry = tuple[Work, "asyncio.Future[Any] | None"]
_Told = tuple["asyncio.Future[Any]", Any, "Exception | None"]
_BATCH = 512
_GATHER = 0.01
"""Seconds for which work that nobody waits for stays open to more of it."""
_log = logging.getLogger(__name__)


class Store:
    """Runs functions of a Database, each in a savepoint of a shared
    transaction. One that raises is undone by itself; its caller gets the error."""

    def __init__(self, place: Path | str, components: Sequence[Component]) -> None:
        """place: a file, or ":memory:" for a store that forgets. components:
        whose tables it holds.

        Raises InvalidRequest where the place holds something else, or what a
        newer Catnap wrote.
        """
        self.count = 0
        """Transactions committed so far."""
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._closed = False
        self._engine: Engine = SQLite(place)
        try:
            self._engine.migrate(components)
        except BaseException:
            self._engine.close()
            raise
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Database], T]) -> T:
        """What `work` gives, once the commit that holds it is on disk.

        Raises Unavailable where the store cannot take it. A caller that is
        cancelled does not stop the work.
        """
        if self._closed:
            raise Unavailable("the store is closed: the gateway is stopping")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put((work, future))
        return await future

    def later(self, work: Work) -> None:
        """Does it with one of the next commits; errors are logged."""
        self._queue.put((work, None))

    def close(self) -> None:
        """Commits what was asked for before and lets the database go."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._engine.close()

    def _work(self) -> None:
        while True:
            entry = self._queue.get()
            batch: list[_Entry] = []
            while entry is not None:
                batch.append(entry)
                if len(batch) == _BATCH:
                    break
                alone = len(batch) == 1 and entry[1] is None  # nobody waits for it
                try:
                    entry = self._queue.get(alone, _GATHER)
                except queue.Empty:
                    break
            if batch:
                self._commit(batch)
            if entry is None:
                return

    def _commit(self, batch: list[_Entry]) -> None:
        told: list[_Told] = []
        try:
            self._engine.begin()
            for work, future in batch:
                result, error = self._one(work)
                if future is not None:
                    told.append((future, result, error))
                elif error is not None:
                    _log.error("the store could not write", exc_info=error)
            self._engine.commit()
            self.count += 1
        except self._engine.Error as error:
            _log.exception("the store could not commit")
            self._engine.rollback()
            told = [(future, None, _unavailable(error)) for _, future in batch if future]
        if told:
            # The loop is closed where nobody waits any more.
            with contextlib.suppress(RuntimeError):
                told[0][0].get_loop().call_soon_threadsafe(_tell, told)

    def _one(self, work: Work) -> tuple[Any, Exception | None]:
        self._engine.mark()
        try:
            result = work(self._engine.db)
        except Exception as error:
            if not self._engine.undo():
                raise
            return None, _unavailable(error) if self._engine.is_outage(error) else error
        self._engine.keep()
        return result, None


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"the store could not be written: {error}")


def _tell(told: list[_Told]) -> None:
    for future, result, error in told:
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
