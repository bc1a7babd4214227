"""Tasks as rows: the tables, and a task to and from its row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec

from catnap.errors import NotFound
from catnap.events import Event
from catnap.store import Component, Database, Row
from catnap.tasks.task import Failure, Task

_FIRST = """
CREATE TABLE tasks (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, "user" TEXT NOT NULL, roles TEXT NOT NULL,
    session TEXT NOT NULL, skill TEXT NOT NULL, parent TEXT NOT NULL, trigger TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, due REAL NOT NULL,
    deadline REAL, priority INTEGER NOT NULL, lane TEXT NOT NULL, depth INTEGER NOT NULL,
    waited INTEGER NOT NULL, event BLOB, content_type TEXT NOT NULL, result BLOB, failure BLOB,
    holder TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tasks_due ON tasks (due) WHERE state = 'queued' AND waited = 0;
CREATE INDEX tasks_next ON tasks (tenant, skill, priority, due, lane)
    WHERE state = 'queued' AND waited = 0;
CREATE INDEX tasks_running ON tasks (tenant, skill, lane)
    WHERE state = 'running' AND waited = 0;
CREATE INDEX tasks_lane ON tasks (lane) WHERE state = 'queued' AND lane <> '';
CREATE INDEX tasks_ended ON tasks (updated)
    WHERE state IN ('succeeded', 'failed', 'cancelled');
CREATE INDEX tasks_tenant ON tasks (tenant, id);
CREATE TABLE accepted (
    key TEXT PRIMARY KEY, task TEXT NOT NULL, digest TEXT NOT NULL, expires REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX accepted_expires ON accepted (expires);
CREATE INDEX accepted_task ON accepted (task);
CREATE TABLE holders (
    name TEXT PRIMARY KEY, gateway TEXT NOT NULL, until REAL NOT NULL
) STRICT, WITHOUT ROWID
"""
"""holder: the process of a gateway that wrote the task last; of one at work, the
one that works it. holders: until when each of them is known to be there."""
_FROM_2 = """
ALTER TABLE tasks ADD COLUMN holder TEXT NOT NULL DEFAULT '';
DROP INDEX tasks_due;
DROP INDEX tasks_next;
DROP INDEX tasks_running;
CREATE INDEX tasks_due ON tasks (due) WHERE state = 'queued' AND waited = 0;
CREATE INDEX tasks_next ON tasks (tenant, skill, priority, due, lane)
    WHERE state = 'queued' AND waited = 0;
CREATE INDEX tasks_running ON tasks (tenant, skill, lane)
    WHERE state = 'running' AND waited = 0;
CREATE TABLE holders (
    name TEXT PRIMARY KEY, gateway TEXT NOT NULL, until REAL NOT NULL
) STRICT, WITHOUT ROWID
"""
"""The file was one gateway's, and had these tables alone."""
TABLES = Component("tasks", (_FIRST,), earlier={2: _FROM_2})
_FIELDS = Task.__struct_fields__
COLUMNS = [f'"{name}"' for name in _FIELDS]  # "user" is a keyword of Postgres
BRIEF = ", ".join(f"NULL AS {c}" if c in ('"event"', '"result"') else c for c in COLUMNS)
"""Every column, without what may be large."""

_WRITTEN = (*COLUMNS, "holder")
_ROW = f"({', '.join('?' * len(_WRITTEN))})"
_PUT = f"INSERT INTO tasks ({', '.join(_WRITTEN)}) VALUES {_ROW}"  # noqa: S608
_OVER = f"""
ON CONFLICT (id) DO UPDATE SET {", ".join(f"{c} = excluded.{c}" for c in _WRITTEN[1:])}
WHERE tasks.state <> 'cancelled'
"""
"""Of what was cancelled, an end that its gateway writes comes too late."""
_AT_ONCE = 16
_PUT_MANY = f"{_PUT}{f', {_ROW}' * (_AT_ONCE - 1)} {_OVER}"
_ROLES, _WAITED, _EVENT, _FAILURE = map(_FIELDS.index, ("roles", "waited", "event", "failure"))


_event = msgspec.msgpack.Decoder(Event)
_failure = msgspec.msgpack.Decoder(Failure)


def insert(db: Database, holder: str, task: Task) -> None:
    db.execute(_PUT, _row(holder, task))


def replace(db: Database, holder: str, task: Task) -> None:
    db.execute(f"{_PUT} {_OVER}", _row(holder, task))


def replace_all(db: Database, holder: str, tasks: Sequence[Task]) -> None:
    """Tasks of which each occurs once. Few statements for many: for each one, the thread hands the
    interpreter over and has to get it back."""
    whole = len(tasks) - len(tasks) % _AT_ONCE
    for start in range(0, whole, _AT_ONCE):
        rows = (_row(holder, task) for task in tasks[start : start + _AT_ONCE])
        db.execute(_PUT_MANY, list(chain.from_iterable(rows)))
    for task in tasks[whole:]:
        replace(db, holder, task)


def get(db: Database, tenant: str, id: str) -> Task:  # noqa: A002
    """Raises NotFound, also for another tenant's."""
    row = db.execute("SELECT * FROM tasks WHERE id = ? AND tenant = ?", (id, tenant)).fetchone()
    if row is None:
        raise NotFound(f"there is no task {id!r}")
    return task_of(row)


def task_of(row: Row) -> Task:
    values = dict(row)
    values.pop("holder", None)
    event, failure = values.pop("event"), values.pop("failure")
    values["waited"] = bool(values["waited"])
    values["roles"] = tuple(values["roles"].split())
    return Task(
        **values,
        event=_event.decode(event) if event else None,
        failure=_failure.decode(failure) if failure else None,
    )


def packed(value: Event | Failure | None) -> bytes | None:
    return None if value is None else msgspec.msgpack.encode(value)


def spelled(roles: tuple[str, ...]) -> str:
    """A role's name holds no space."""
    return " ".join(roles)


def _row(holder: str, task: Task) -> list[Any]:
    values: list[Any] = list(msgspec.structs.astuple(task))
    values[_WAITED] = int(task.waited)
    values[_ROLES] = spelled(task.roles)
    values[_EVENT] = packed(task.event)
    values[_FAILURE] = packed(task.failure)
    values.append(holder)
    return values
