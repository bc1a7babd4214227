"""Taking a task in: once per key, and into the lane where one waits."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from catnap.errors import Conflict
from catnap.tasks import rows
from catnap.tasks.task import Task

REMEMBERED = 24 * 3600.0
"""Seconds an event or an idempotency key is known for."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A task to accept, once per key.

    digest: of the request; the same key with another digest is a Conflict.
    Empty: whatever comes under the key counts as the same.
    """

    task: Task
    key: str = ""
    digest: str = ""


def accept(db: sqlite3.Connection, wanted: Acceptance) -> tuple[Task, bool]:
    """The task that stands for it from now on, and whether it is this one."""
    task = wanted.task
    if wanted.key:
        row = db.execute(
            "SELECT task, digest FROM accepted WHERE key = ? AND expires >= ?",
            (wanted.key, task.created),
        ).fetchone()
        if row is not None:
            if wanted.digest != row["digest"]:
                raise Conflict(
                    f"the idempotency key was used for another request, as task {row['task']}: "
                    "use a new key for a new request"
                )
            return rows.get(db, task.tenant, row["task"]), False
    joined = _join(db, task) if task.lane else None
    if joined is None:
        rows.insert(db, task)
    if wanted.key:
        db.execute(
            "INSERT OR REPLACE INTO accepted (key, task, digest, expires) VALUES (?, ?, ?, ?)",
            (wanted.key, (joined or task).id, wanted.digest, task.created + REMEMBERED),
        )
    return joined or task, joined is None


def _join(db: sqlite3.Connection, task: Task) -> Task | None:
    """The newest task that waits in the lane, with this one's event and its
    sender's roles: new work, which has all its attempts and waits for none that failed before."""
    row = db.execute(
        "UPDATE tasks SET event = ?, session = ?, roles = ?, depth = max(depth, ?), updated = ?, "
        "due = min(due, ?), attempts = 0, failure = NULL "
        "WHERE id = (SELECT id FROM tasks WHERE lane = ? AND state = 'queued' AND lane <> '' "
        "ORDER BY created DESC LIMIT 1) RETURNING *",
        (
            rows.packed(task.event),
            task.session,
            rows.spelled(task.roles),
            task.depth,
            task.created,
            task.due,
            task.lane,
        ),
    ).fetchone()
    return rows.task_of(row) if row else None
