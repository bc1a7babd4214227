"""An index's SQLite database, and how it is had back from a file of the user's."""

from __future__ import annotations

import sqlite3
from hashlib import sha256

FORMAT = "2 minilm-l6-v2"
"""What another version of this code, or another model, must not read."""

_SCHEMA = """
CREATE TABLE meta(format TEXT NOT NULL) STRICT;
CREATE TABLE files(
    key TEXT PRIMARY KEY, etag TEXT NOT NULL, digest BLOB NOT NULL, problem TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE passages(
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
    text TEXT NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE INDEX passages_of_file ON passages(key);
CREATE TABLE vectors(hash BLOB PRIMARY KEY, vector BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(
    text, content='passages', content_rowid='id', tokenize='porter unicode61');
"""
_OBJECTS = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name"
_DIGEST = 32
"""Bytes of the SHA-256 that follows the database: SQLite by itself does not
notice most of what may be damaged."""


def dumped(database: sqlite3.Connection) -> bytes:
    data = database.serialize()
    return data + sha256(data).digest()


def opened(data: bytes) -> sqlite3.Connection:
    """A database that is an index: what was `dumped`, or an empty one where
    that is damaged, of another format or not of our making.

    data: a file of the user's, who may have written anything there.
    """
    new = _connected()
    new.executescript(_SCHEMA)
    new.execute("INSERT INTO meta VALUES (?)", (FORMAT,))
    content, digest = data[:-_DIGEST], data[-_DIGEST:]
    if not content or sha256(content).digest() != digest:
        return new
    kept = _connected()
    try:
        kept.deserialize(content)
        is_sound = _is_sound(kept, new.execute(_OBJECTS).fetchall())
    except (sqlite3.Error, UnicodeError):
        is_sound = False
    (new if is_sound else kept).close()
    return kept if is_sound else new


def _connected() -> sqlite3.Connection:
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("PRAGMA cell_size_check = ON")
    return database


def _is_sound(database: sqlite3.Connection, objects: list[object]) -> bool:
    """Whether all there is are these objects, so that no view or trigger of
    somebody's runs, and nothing is damaged. May raise
    sqlite3.Error and UnicodeError."""
    if database.execute(_OBJECTS).fetchall() != objects:
        return False
    if database.execute("SELECT format FROM meta").fetchall() != [(FORMAT,)]:
        return False
    return database.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
