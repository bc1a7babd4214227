"""One SQLite connection in one thread; many callers, few commits.

While a commit is being written to disk, the statements of other callers
gather; they go into the next one together. That is what makes
synchronous=FULL affordable.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from catnap.errors import InvalidRequest, Unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], Any]
_Entry = tuple[Work, "asyncio.Future[Any] | None"]
_Told = tuple["asyncio.Future[Any]", Any, "Exception | None"]
_BATCH = 512
_GATHER = 0.01
"""Seconds for which work that nobody waits for stays open to more of it."""
_log = logging.getLogger(__name__)


class Commits:
    """Runs functions of a connection, each in a savepoint of a shared
    transaction. One that raises is undone by itself; its caller gets the error."""

    def __init__(self, path: Path | str, schema: str, version: int) -> None:
        """Raises InvalidRequest where the file is no journal of ours, or one
        of another version than `version`."""
        self.count = 0
        """Transactions committed so far."""
        self._queue: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._closed = False
        self._db = _open(path, schema, version)
        self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """What `work` gives, once the commit that holds it is on disk.

        Raises Unavailable where the disk does not take it. A caller that is
        cancelled does not stop the work.
        """
        if self._closed:
            raise Unavailable("the journal is closed: the gateway is stopping")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put((work, future))
        return await future

    def later(self, work: Work) -> None:
        """Does it with one of the next commits; errors are logged."""
        self._queue.put((work, None))

    def close(self) -> None:
        """Commits what was asked for before and closes the file."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._db.close()

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
            self._db.execute("BEGIN IMMEDIATE")
            for work, future in batch:
                result, error = self._one(work)
                if future is not None:
                    told.append((future, result, error))
                elif error is not None:
                    _log.error("the journal could not write", exc_info=error)
            self._db.execute("COMMIT")
            self.count += 1
        except sqlite3.Error as error:
            _log.exception("the journal could not commit")
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            told = [(future, None, _unavailable(error)) for _, future in batch if future]
        if told:
            # The loop is closed where nobody waits any more.
            with contextlib.suppress(RuntimeError):
                told[0][0].get_loop().call_soon_threadsafe(_tell, told)

    def _one(self, work: Work) -> tuple[Any, Exception | None]:
        self._db.execute("SAVEPOINT one")
        try:
            result = work(self._db)
        except Exception as error:
            if not self._db.in_transaction:
                raise  # a full disk: SQLite has undone all of it
            self._db.execute("ROLLBACK TO one")
            self._db.execute("RELEASE one")
            if isinstance(error, sqlite3.OperationalError):
                return None, _unavailable(error)
            return None, error
        self._db.execute("RELEASE one")
        return result, None


def _open(path: Path | str, schema: str, version: int) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise InvalidRequest(f"{path}: cannot be opened: {error}") from None
    try:
        db.row_factory = sqlite3.Row
        found = db.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, version):  # 0: a new file
            raise InvalidRequest(
                f"{path}: another version of Catnap wrote it (version {found}, this one reads "
                f"{version}): use that one, move the file away, or use another CATNAP_HOME"
            )
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(f"{schema}; PRAGMA user_version = {version};")
    except sqlite3.Error as error:
        db.close()
        raise InvalidRequest(f"{path}: cannot be used as the journal: {error}") from None
    except InvalidRequest:
        db.close()
        raise
    return db


def _unavailable(error: sqlite3.Error) -> Unavailable:
    return Unavailable(f"the journal could not be written: {error}")


def _tell(told: list[_Told]) -> None:
    for future, result, error in told:
        if future.done():
            continue
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)
