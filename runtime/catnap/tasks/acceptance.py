"""Taking a task in: once per key, and into the lane where one waits."""

from __future__ import annotations

from dataclasses import dataclass

from catnap.errors import Conflict
from catnap.store import Database
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


def accept(db: Database, holder: str, wanted: Acceptance) -> tuple[Task, bool]:
    """The task that stands for it from now on, and whether it is this one."""
    task = wanted.task
    if wanted.key and (known := _take(db, wanted)):
        return rows.get(db, task.tenant, known), False
    joined = _join(db, task) if task.lane else None
    if joined is None:
        rows.insert(db, holder, task)
        return task, True
    if wanted.key:
        db.execute("UPDATE accepted SET task = ? WHERE key = ?", (joined.id, wanted.key))
    return joined, False


def _take(db: Database, wanted: Acceptance) -> str:
    """Takes the key for the task, or gives the task that has it.

    Whoever comes at the same time waits here for the other's commit.
    """
    task = wanted.task
    while True:
        taken = db.execute(
            "INSERT INTO accepted (key, task, digest, expires) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET task = excluded.task, digest = excluded.digest, "
            "expires = excluded.expires WHERE accepted.expires < ?",
            (wanted.key, task.id, wanted.digest, task.created + REMEMBERED, task.created),
        )
        if taken.rowcount:
            return ""
        found = db.execute(
            "SELECT task, digest FROM accepted WHERE key = ?", (wanted.key,)
        ).fetchone()
        if found is None:
            continue  # freed by now
        if wanted.digest != found["digest"]:
            raise Conflict(
                f"the idempotency key was used for another request, as task {found['task']}: "
                "use a new key for a new request"
            )
        return str(found["task"])


def _join(db: Database, task: Task) -> Task | None:
    """The newest task that waits in the lane, with this one's event and its
    sender's roles: new work, which has all its attempts and waits for none that failed before.

    One that another gateway is about to begin is left to it.
    """
    query = f"""
    UPDATE tasks SET event = ?, session = ?, roles = ?, updated = ?,
    depth = CASE WHEN depth < ? THEN ? ELSE depth END,
    due = CASE WHEN due > ? THEN ? ELSE due END, attempts = 0, failure = NULL
    WHERE id = (SELECT id FROM tasks WHERE lane = ? AND state = 'queued' AND lane <> ''
    ORDER BY created DESC LIMIT 1{db.skip_locked}) RETURNING *
    """  # noqa: S608
    row = db.execute(
        query,
        (
            rows.packed(task.event),
            task.session,
            rows.spelled(task.roles),
            task.created,
            task.depth,
            task.depth,
            task.due,
            task.due,
            task.lane,
        ),
    ).fetchone()
    return rows.task_of(row) if row else None
