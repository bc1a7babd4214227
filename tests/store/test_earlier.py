"""A file from before components were counted: the journal, alone in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest
from catnap.store import Component, Store
from catnap.tasks import TABLES, Acceptance, Journal, Task

WRITTEN = Path(__file__).with_name("journal.sql")
"""By that Catnap: task 1 at work, 2 queued, both under keys, and 3 dead."""
NOW = 1_000_000.0
NOTES = Component("notes", ("CREATE TABLE notes (id TEXT PRIMARY KEY) STRICT",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    db = sqlite3.connect(tmp_path / "catnap.db")
    db.executescript(WRITTEN.read_text())
    db.close()
    return tmp_path / "catnap.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    store = Store(path, [NOTES, TABLES])
    yield Journal(store)
    store.close()


async def test_its_tasks_go_on_and_none_twice(journal: Journal) -> None:
    assert await journal.recover(NOW + 60, attempts=5) == 1
    claimed = await journal.claim(NOW + 60, 10, 10)
    assert sorted((task.id, task.attempts) for task in claimed) == [("1", 2), ("2", 1)]
    assert {task.event.data for task in claimed if task.event} == {b"x"}
    again = Task(id="9", tenant="acme", user="ann", skill="echo", created=NOW, updated=NOW, due=NOW)
    [(task, new)] = await journal.accept([Acceptance(again, "key-2", "64")])
    assert (task.id, new) == ("2", False)
    assert (await journal.get("acme", "3")).state == "dead"


async def test_it_is_one_of_this_version_from_then_on(path: Path) -> None:
    def tables(found: Path) -> set[tuple[str, str]]:
        db = sqlite3.connect(found)
        rows = db.execute("SELECT type, name FROM sqlite_master").fetchall()
        db.close()
        return set(rows)

    new = path.with_name("new.db")
    for each in (path, path, new):
        Store(each, [TABLES]).close()
    assert tables(path) == tables(new)


def test_what_cannot_be_brought_up_is_refused_with_what_to_do(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 1")
    db.close()
    with pytest.raises(InvalidRequest, match=r"format 1, this one reads 2, 3.*catnap.db-wal"):
        Store(path, [TABLES])
