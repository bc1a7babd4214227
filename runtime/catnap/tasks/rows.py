"""Tasks as rows: the tables, and a task to and from its row."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec

from catnap.errors import NotFound
from catnap.events import Event
from catnap.tasks.task import Failure, Task

VERSION = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, user TEXT NOT NULL, roles TEXT NOT NULL,
    session TEXT NOT NULL, skill TEXT NOT NULL, parent TEXT NOT NULL, trigger TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, due REAL NOT NULL,
    deadline REAL, priority INTEGER NOT NULL, lane TEXT NOT NULL, depth INTEGER NOT NULL,
    waited INTEGER NOT NULL, event BLOB, content_type TEXT NOT NULL, result BLOB, failure BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS tasks_due ON tasks (due) WHERE state = 'queued' AND NOT waited;
CREATE INDEX IF NOT EXISTS tasks_next ON tasks (tenant, skill, priority, due, lane)
    WHERE state = 'queued' AND NOT waited;
CREATE INDEX IF NOT EXISTS tasks_running ON tasks (tenant, skill, lane)
    WHERE state = 'running' AND NOT waited;
CREATE INDEX IF NOT EXISTS tasks_lane ON tasks (lane) WHERE state = 'queued' AND lane <> '';
CREATE INDEX IF NOT EXISTS tasks_ended ON tasks (updated)
    WHERE state IN ('succeeded', 'failed', 'cancelled');
CREATE INDEX IF NOT EXISTS tasks_tenant ON tasks (tenant, id);
CREATE TABLE IF NOT EXISTS accepted (
    key TEXT PRIMARY KEY, task TEXT NOT NULL, digest TEXT NOT NULL, expires REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS accepted_expires ON accepted (expires);
CREATE INDEX IF NOT EXISTS accepted_task ON accepted (task)
"""
COLUMNS = Task.__struct_fields__
BRIEF = ", ".join(f"NULL AS {c}" if c in ("event", "result") else c for c in COLUMNS)
"""Every column, without what may be large."""

_ROW = f"({', '.join('?' * len(COLUMNS))})"
_PUT = f"INTO tasks ({', '.join(COLUMNS)}) VALUES {_ROW}"
_AT_ONCE = 16
_PUT_MANY = f"INSERT OR REPLACE {_PUT}{f', {_ROW}' * (_AT_ONCE - 1)}"
_ROLES, _EVENT, _FAILURE = (COLUMNS.index(name) for name in ("roles", "event", "failure"))


def insert(db: sqlite3.Connection, task: Task) -> None:
    db.execute(f"INSERT {_PUT}", _row(task))


def replace(db: sqlite3.Connection, task: Task) -> None:
    db.execute(f"INSERT OR REPLACE {_PUT}", _row(task))


def replace_all(db: sqlite3.Connection, tasks: Sequence[Task]) -> None:
    """Few statements for many tasks: for each one, the thread hands the
    interpreter over and has to get it back."""
    whole = len(tasks) - len(tasks) % _AT_ONCE
    for start in range(0, whole, _AT_ONCE):
        rows = map(_row, tasks[start : start + _AT_ONCE])
        db.execute(_PUT_MANY, list(chain.from_iterable(rows)))
    for task in tasks[whole:]:
        replace(db, task)


def get(db: sqlite3.Connection, tenant: str, id: str) -> Task:  # noqa: A002
    """Raises NotFound, also for another tenant's."""
    row = db.execute("SELECT * FROM tasks WHERE id = ? AND tenant = ?", (id, tenant)).fetchone()
    if row is None:
        raise NotFound(f"there is no task {id!r}")
    return task_of(row)


def task_of(row: sqlite3.Row) -> Task:
    values = dict(row)
    event, failure = values.pop("event"), values.pop("failure")
    values["waited"] = bool(values["waited"])
    values["roles"] = tuple(values["roles"].split())
    return Task(
        **values,
        event=msgspec.msgpack.decode(event, type=Event) if event else None,
        failure=msgspec.msgpack.decode(failure, type=Failure) if failure else None,
    )


def packed(value: Event | Failure | None) -> bytes | None:
    return None if value is None else msgspec.msgpack.encode(value)


def spelled(roles: tuple[str, ...]) -> str:
    """A role's name holds no space."""
    return " ".join(roles)


def _row(task: Task) -> list[Any]:
    values: list[Any] = list(msgspec.structs.astuple(task))
    values[_ROLES] = spelled(task.roles)
    values[_EVENT] = packed(task.event)
    values[_FAILURE] = packed(task.failure)
    return values
