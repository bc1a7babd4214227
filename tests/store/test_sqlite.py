"""The store in a file: what it takes for one of ours, and a disk that is full."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest, Unavailable
from catnap.store import Component, Store

NOTES = Component("notes", ("CREATE TABLE notes (id TEXT PRIMARY KEY, content BLOB) STRICT",))
INSERT = "INSERT INTO notes (id, content) VALUES (?, ?)"


def _garbage(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be taken for one" * 100)


def _newer(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


def _earlier(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 1")
    db.close()


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [_garbage, _newer, _earlier, _folder])
def test_a_file_that_cannot_be_the_store_is_named(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "catnap.db"
    make(path)
    with pytest.raises(InvalidRequest, match=str(path)):
        Store(path, [NOTES])


async def test_a_full_disk_is_unavailable_and_what_was_written_stays(tmp_path: Path) -> None:
    store = Store(tmp_path / "catnap.db", [NOTES])
    try:
        await store.run(lambda db: db.execute(INSERT, ("first", None)))
        await store.run(lambda db: db.execute("PRAGMA max_page_count = 20"))
        with pytest.raises(Unavailable, match="full"):
            await store.run(lambda db: db.execute(INSERT, ("large", bytes(1_000_000))))
        await store.run(lambda db: db.execute(INSERT, ("second", None)))
        found = await store.run(lambda db: db.execute("SELECT id FROM notes").fetchall())
        assert sorted(row["id"] for row in found) == ["first", "second"]
    finally:
        store.close()


def test_others_of_the_machine_cannot_read_it(tmp_path: Path) -> None:
    path = tmp_path / "catnap.db"
    store = Store(path, [NOTES])
    try:
        for file in tmp_path.iterdir():
            assert file.stat().st_mode & 0o077 == 0, file
    finally:
        store.close()
