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
from catnap.store.database import Database
from catnap.store.engine import engine_at
from catnap.store.migrations import Component

T = TypeVar("T")
Work = Callable[[Database], Any]
_Entry = tuple[Work, "asyncio.Future[Any] | None"]
_Told = tuple["asyncio.Future[Any]", Any, "Exception | None"]
_GATHER = 0.05
"""Seconds for which work that nobody waits for stays open to more of it: of the
calls of a busy gateway, a few hundred, whose commit costs each a third less then."""
_TRIES = 5
"""How often a work is begun that other writers are in the way of."""
_PAUSE = 1.0
"""Seconds until a database that was lost is asked again, if nobody asks before."""
_HELD = 10_000
"""Works that nobody waits for, held while the database is away."""
_log = logging.getLogger(__name__)


class _Gone(Exception):
    """The transaction is, with all that was done in it."""


class Store:
    """Runs functions of a Database, each in a savepoint of a shared
    transaction. One that raises is undone by itself; its caller gets the error."""

    def __init__(self, place: Path | str, components: Sequence[Component]) -> None:
        """place: a file, ":memory:" for a store that forgets, or the
        `postgresql://` URI of a database that others may share. components:
        whose tables it holds.

        Raises InvalidRequest where the place holds something else, or what a
        newer Catnap wrote; Unavailable where the database does not answer.
        """
        self.count = 0
        """Transactions committed so far."""
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._closed = False
        self._held: list[_Entry] = []
        self._losses = 0
        """Transactions in a row that were begun and not committed."""
        self._engine = engine_at(place)
        try:
            self._engine.migrate(components)
        except BaseException:
            self._engine.close()
            raise
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    @property
    def shared(self) -> bool:
        """Whether other gateways may use the same store at the same time."""
        return self._engine.shared

    async def run(self, work: Callable[[Database], T]) -> T:
        """What `work` gives, once the commit that holds it is on disk.

        `work` may be run again, where another writer was in the way: it
        touches nothing but the database. It runs beside the transactions of
        other gateways and sees what they have committed, statement by
        statement. Raises Unavailable where the store cannot take it, or was
        lost before it could say that it did. A caller that is cancelled does
        not stop the work.
        """
        if self._closed:
            raise Unavailable("the store is closed: the gateway is stopping")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put((work, future))
        return await future

    def later(self, work: Work) -> None:
        """Does it with one of the next commits; errors are logged."""
        self._queue.put((work, None))

    def is_outage(self, error: Exception) -> bool:
        """Whether the store could not do the work, rather than would not."""
        return self._engine.is_outage(error)

    def close(self) -> None:
        """Commits what was asked for before and lets the database go."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._engine.close()

    def _work(self) -> None:
        open_ = True
        while open_:
            batch, open_ = self._gather()
            if batch:
                self._commit(batch)
        if self._held:
            _log.error("%d works that nobody waits for are lost", len(self._held))

    def _gather(self) -> tuple[list[_Entry], bool]:
        """What goes into the next commit, and whether there may be more."""
        batch, self._held = self._held, []
        try:
            entry = self._queue.get(timeout=_PAUSE if batch else None)
            while entry is not None:
                batch.append(entry)
                if len(batch) >= self._engine.batch:
                    break
                alone = len(batch) == 1 and entry[1] is None  # nobody waits for it
                entry = self._queue.get(alone, _GATHER)
        except queue.Empty:
            return batch, True
        return batch, entry is not None

    def _commit(self, batch: list[_Entry], tries: int = _TRIES) -> None:
        try:
            told = self._transaction(batch)
        except (self._engine.Error, _Gone) as error:
            self._engine.rollback()
            if self._engine.is_clash(error) and tries > 1:
                for entry in batch:  # each alone holds nothing that others wait for
                    self._commit([entry], tries - 1)
                return
            _log.error("the store could not commit: %s", error)
            if self._engine.lost:
                self._hold([entry for entry in batch if entry[1] is None])
            told = [(future, None, _unavailable(error)) for _, future in batch if future]
        if told:
            # The loop is closed where nobody waits any more.
            with contextlib.suppress(RuntimeError):
                told[0][0].get_loop().call_soon_threadsafe(_tell, told)

    def _transaction(self, batch: list[_Entry]) -> list[_Told]:
        told: list[_Told] = []
        self._engine.begin()
        self._losses += 1  # if it comes to that
        for work, future in batch:
            result, error = self._one(work)
            if future is not None:
                told.append((future, result, error))
            elif error is not None:
                _log.error("the store could not write", exc_info=error)
        self._engine.commit()
        self._losses = 0
        self.count += 1
        return told

    def _hold(self, works: list[_Entry]) -> None:
        """Keeps works for when the database is back; not if it is they that
        it does not stand."""
        room = _HELD - len(self._held) if self._losses < _TRIES else 0
        self._held += works[:room]
        if works[room:]:
            _log.error("%d works that nobody waits for are lost", len(works[room:]))

    def _one(self, work: Work) -> tuple[Any, Exception | None]:
        self._engine.mark()
        try:
            result = work(self._engine.db)
            self._engine.keep()
        except Exception as error:
            if self._engine.is_clash(error):
                raise
            if not self._engine.undo():
                raise _Gone(str(error)) from error
            return None, _unavailable(error) if self._engine.is_outage(error) else error
        return result, None


def _unavailable(error: Exception) -> Unavailable:
    return Unavailable(f"the store could not be written: {' '.join(str(error).split())}")


def _tell(told: list[_Told]) -> None:
    for future, result, error in told:
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
