"""The store in a file: SQLite in WAL mode, synchronous=FULL."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

from catnap.errors import InvalidRequest
from catnap.store.migrations import Component, migrate

FORMAT = 3
"""`user_version` of a file of ours."""


class _Connection(sqlite3.Connection):
    """BEGIN IMMEDIATE lets nobody else write: whoever works is alone."""

    skip_locked = ""

    def alone(self, name: str) -> bool:
        return True


class SQLite:
    Error = sqlite3.Error
    batch = 512
    lost = False
    shared = False

    def __init__(self, path: Path | str) -> None:
        """path: the file, or ":memory:". Raises InvalidRequest where it is
        none of ours, or of an earlier Catnap."""
        self.place = str(path)
        if self.place != ":memory:":
            _private(self.place)
        try:
            self.db = sqlite3.connect(
                path, isolation_level=None, check_same_thread=False, factory=_Connection
            )
        except sqlite3.Error as error:
            raise InvalidRequest(f"{path}: cannot be opened: {error}") from None
        self.db.row_factory = sqlite3.Row

    def migrate(self, components: Sequence[Component]) -> None:
        """Raises InvalidRequest where the file cannot be ours."""
        try:
            found = self.db.execute("PRAGMA user_version").fetchone()[0]
            earlier = {number for component in components for number in component.earlier}
            if found not in (0, FORMAT, *earlier):  # 0: a new file
                read = ", ".join(map(str, sorted((FORMAT, *earlier))))
                raise InvalidRequest(
                    f"{self.place}: another Catnap wrote it (format {found}, this one reads "
                    f"{read}): start that one, or name another CATNAP_STORE. To begin anew here, "
                    f"move the file away together with {self.place}-wal and {self.place}-shm: "
                    "tasks, keys, limits and audit go with it, users' files stay"
                )
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            self.begin()
            migrate(self.db, components, self.place, earlier=found)
            self.db.execute(f"PRAGMA user_version = {FORMAT}")
            self.commit()
        except sqlite3.Error as error:
            raise InvalidRequest(f"{self.place}: cannot be the store: {error}") from None

    def begin(self) -> None:
        self.db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self.db.execute("COMMIT")

    def rollback(self) -> None:
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")

    def mark(self) -> None:
        self.db.execute("SAVEPOINT one")

    def undo(self) -> bool:
        if not self.db.in_transaction:
            return False  # a full disk: SQLite has undone all of it
        self.db.execute("ROLLBACK TO one")
        self.db.execute("RELEASE one")
        return True

    def keep(self) -> None:
        self.db.execute("RELEASE one")

    def is_outage(self, error: Exception) -> bool:
        return isinstance(error, sqlite3.OperationalError)

    def is_clash(self, error: Exception) -> bool:
        return False

    def close(self) -> None:
        self.db.close()


def _private(path: str) -> None:
    """Makes the file, if there is none: SQLite would let others of the machine
    read it, and what it puts beside it has the same mode."""
    with contextlib.suppress(OSError):  # it is said when SQLite opens it
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
