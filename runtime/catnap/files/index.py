"""Which keys a folder store has, and which file holds the content of each.

A SQLite table: a key never becomes a path, so no key can leave its place,
whatever it is spelled like and whatever the file system thinks of case,
Unicode or length; keys are ordered by their UTF-8, and a listing is a range of
the primary key.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from catnap.errors import InvalidRequest
from catnap.files.store import Stat

_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    key BLOB PRIMARY KEY,          -- UTF-8
    content TEXT NOT NULL,         -- name of the file that holds it
    size INTEGER NOT NULL,         -- bytes
    etag TEXT NOT NULL,
    content_type TEXT NOT NULL,
    modified INTEGER NOT NULL      -- microseconds since the epoch
) WITHOUT ROWID
"""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_BUSY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: the object, and the name of its content's file."""

    stat: Stat
    content: str


class Index:
    """The table. Safe for threads and processes; every method blocks.

    Readers have a connection of their own, so that no read waits for the disk
    to confirm a write.
    """

    def __init__(self, path: Path) -> None:
        self._reader, self._writer = _connect(path), _connect(path)
        self._reading, self._writing = threading.Lock(), threading.Lock()
        with self.writing():
            (version,) = self._writer.execute("PRAGMA user_version").fetchone()
            if version > _VERSION:
                raise InvalidRequest(
                    f"{path} was written by a newer catnap (its format is {version}, this one "
                    f"knows {_VERSION}): use that version, or another CATNAP_HOME"
                )
            self._writer.execute(_SCHEMA)
            self._writer.execute(f"PRAGMA user_version = {_VERSION}")

    def close(self) -> None:
        with self._reading, self._writing:
            self._reader.close()
            self._writer.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction that no other writer, of any process, overlaps."""
        with self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def find(self, key: str) -> Entry | None:
        with self._reading:
            return _find(self._reader, key)

    def current(self, key: str) -> Entry | None:
        """As find, inside `writing`."""
        return _find(self._writer, key)

    def put(self, entry: Entry) -> None:
        """Inside `writing`."""
        stat = entry.stat
        self._writer.execute(
            "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)",
            (
                stat.key.encode(),
                entry.content,
                stat.size,
                stat.etag,
                stat.content_type,
                (stat.modified - _EPOCH) // _TICK,
            ),
        )

    def remove(self, key: str) -> None:
        """Inside `writing`."""
        self._writer.execute("DELETE FROM objects WHERE key = ?", (key.encode(),))

    def named(self, contents: list[str]) -> set[str]:
        """Which of these files hold an object's content. Inside `writing`."""
        wanted = set(contents)
        rows = self._writer.execute("SELECT content FROM objects") if wanted else ()
        return {content for (content,) in rows if content in wanted}

    def range(self, prefix: str, after: str, limit: int) -> list[Stat]:
        """Objects by key: those that begin with `prefix`, past `after`."""
        first = prefix.encode()
        # 0xFF occurs nowhere in UTF-8, so this is past every key of the prefix.
        bounds = (first, first + b"\xff", after.encode(), limit)
        with self._reading:
            rows = self._reader.execute(
                "SELECT * FROM objects WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?",
                bounds,
            ).fetchall()
        return [_entry(row).stat for row in rows]


def _connect(path: Path) -> sqlite3.Connection:
    # Autocommit: transactions are begun by hand, since they must be IMMEDIATE.
    connection = sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _find(connection: sqlite3.Connection, key: str) -> Entry | None:
    row = connection.execute("SELECT * FROM objects WHERE key = ?", (key.encode(),)).fetchone()
    return _entry(row) if row else None


def _entry(row: tuple[bytes, str, int, str, str, int]) -> Entry:
    key, content, size, etag, content_type, modified = row
    stat = Stat(key.decode(), size, etag, content_type, _EPOCH + modified * _TICK)
    return Entry(stat, content)
