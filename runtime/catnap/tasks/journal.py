"""The journal: tasks, and what has been accepted already.

What `accept`, `claim`, `end` and the like have answered is on disk.
"""

from __future__ import annotations

import contextlib
import functools
from collections import deque
from collections.abc import Iterable, Sequence

from catnap.errors import InvalidRequest
from catnap.store import Database, Store
from catnap.tasks import acceptance, rows
from catnap.tasks.acceptance import Acceptance
from catnap.tasks.claim import claim
from catnap.tasks.task import Failure, State, Task

KEPT = 7 * 24 * 3600.0
"""Seconds a task is kept after it ended; a dead one is kept until redriven."""


class Journal:
    """Methods answer when what they did will outlast a crash. All of them
    raise Unavailable where the store does not take it."""

    def __init__(self, store: Store) -> None:
        """store: with the tables of `rows.TABLES`."""
        self._store = store
        self._noted: deque[Task] = deque()

    async def accept(self, wanted: Sequence[Acceptance]) -> list[tuple[Task, bool]]:
        """Records tasks, all or none; for each, the task that stands for it
        and whether it is new.

        A known key gives the task it was first used for. A task with a lane
        joins the one that waits there, which then carries the newer event and
        has all its attempts again.
        """
        return await self._store.run(lambda db: [acceptance.accept(db, each) for each in wanted])

    def note(self, task: Task) -> None:
        """Records a task or its end, when there is time: nobody was promised.

        What one commit would write of a task twice, it writes once.
        """
        self._noted.append(task)
        if len(self._noted) == 1:  # else it is asked for already
            self._store.later(self._write_noted)

    def _write_noted(self, db: Database) -> None:
        newest: dict[str, Task] = {}
        # In the journal's thread: pop until there is none, whatever comes meanwhile.
        with contextlib.suppress(IndexError):
            while True:
                task = self._noted.popleft()
                newest[task.id] = task
        try:
            rows.replace_all(db, list(newest.values()))
        except Exception:
            # One that cannot be written takes no other with it.
            for task in newest.values():
                self._store.later(functools.partial(rows.replace, task=task))
            raise

    async def write(self, task: Task, *, forget: str = "") -> None:
        """Records a task; `forget` is a key of it that may be used again."""

        def write(db: Database) -> None:
            rows.replace(db, task)
            _release(db, forget, task)

        await self._store.run(write)

    def withdraw(self, task: Task, key: str) -> None:
        """Writes that a task which may have been accepted has ended, when
        there is time, and frees its key; nothing if it was not."""

        def write(db: Database) -> None:
            if db.execute("SELECT 1 FROM tasks WHERE id = ?", (task.id,)).fetchone():
                rows.replace(db, task)
                _release(db, key, task)

        self._store.later(write)

    async def get(self, tenant: str, id: str) -> Task:  # noqa: A002
        """Raises NotFound, also for another tenant's."""
        return await self._store.run(lambda db: rows.get(db, tenant, id))

    async def page(
        self,
        tenant: str,
        *,
        states: Iterable[State] = (),
        skill: str = "",
        user: str = "",
        limit: int = 50,
        before: str = "",
    ) -> list[Task]:
        """Newest first, without events and results; `before` is the id that
        the page before ended with."""
        states = tuple(states)
        where, values = ["tenant = ?"], [tenant]
        if states:
            where.append(f"state IN ({', '.join('?' * len(states))})")
            values += states
        for column, value in (("skill", skill), ('"user"', user)):
            if value:
                where.append(f"{column} = ?")
                values.append(value)
        if before:
            where.append("id < ?")
            values.append(before)
        query = (
            f"SELECT {rows.BRIEF} FROM tasks WHERE {' AND '.join(where)} "  # noqa: S608
            "ORDER BY id DESC LIMIT ?"
        )

        def read(db: Database) -> list[Task]:
            return [rows.task_of(row) for row in db.execute(query, (*values, limit))]

        return await self._store.run(read)

    async def claim(self, now: float, limit: int, per_skill: int) -> list[Task]:
        """Takes up to `limit` tasks to work, whose attempt is due, the most
        urgent first, and counts the attempt.

        Of a lane, one is at work at a time; of a tenant's skill, `per_skill`.
        May give less than there is: ask until it gives none.
        """

        return await self._store.run(lambda db: claim(db, now, limit, per_skill))

    async def next_due(self, after: float) -> float | None:
        """When the first attempt that is due later than `after` is due."""

        def read(db: Database) -> float | None:
            query = (
                "SELECT min(due) AS due FROM tasks "
                "WHERE state = 'queued' AND waited = 0 AND due > ?"
            )
            due: float | None = db.execute(query, (after,)).fetchone()["due"]
            return due

        return await self._store.run(read)

    async def end(
        self,
        id: str,  # noqa: A002
        state: State,
        now: float,
        *,
        content_type: str = "",
        result: bytes | None = None,
        failure: Failure | None = None,
        due: float | None = None,
        begun: bool = True,
    ) -> Task | None:
        """Writes how an attempt ended; None if the task had ended before.

        state `queued` asks for another attempt at `due`. One that was not
        `begun` counts as none.
        """

        def write(db: Database) -> Task | None:
            row = db.execute(
                "UPDATE tasks SET state = ?, updated = ?, due = coalesce(?, due), "
                "content_type = ?, result = ?, failure = ?, attempts = attempts - ? "
                "WHERE id = ? AND state IN ('queued', 'running') RETURNING *",
                (
                    state,
                    now,
                    due,
                    content_type,
                    result,
                    rows.packed(failure),
                    0 if begun else 1,
                    id,
                ),
            ).fetchone()
            return rows.task_of(row) if row else None

        return await self._store.run(write)

    async def redrive(self, tenant: str, id: str, now: float) -> Task:  # noqa: A002
        """Queues a dead task again, with all its attempts and no deadline.
        Raises InvalidRequest if it is not dead."""

        def write(db: Database) -> Task:
            task = rows.get(db, tenant, id)
            if task.state != "dead":
                raise InvalidRequest(f"task {id} is {task.state}; only a dead one can be redriven")
            row = db.execute(
                "UPDATE tasks SET state = 'queued', attempts = 0, due = ?, updated = ?, "
                "deadline = NULL, failure = NULL WHERE id = ? RETURNING *",
                (now, now, id),
            ).fetchone()
            return rows.task_of(row)

        return await self._store.run(write)

    async def give_back(self, now: float) -> None:
        """Before a stop: what is at work is queued again, and the attempt
        that the stop broke off counts as none."""

        def write(db: Database) -> None:
            db.execute(
                "UPDATE tasks SET state = 'queued', updated = ?, attempts = attempts - 1 "
                "WHERE state = 'running' AND waited = 0",
                (now,),
            )

        await self._store.run(write)

    async def recover(self, now: float, attempts: int) -> int:
        """After a start: what a crash broke off is queued again, and dead
        where that was its last attempt of `attempts`; what somebody waited
        for is over. Gives the number of tasks queued again.

        An attempt that a crash broke off counts: it may be what crashed us.
        """

        def write(db: Database) -> int:
            db.execute(
                "DELETE FROM accepted WHERE task IN (SELECT id FROM tasks "
                "WHERE waited = 1 AND state IN ('queued', 'running'))"
            )
            gone = Failure("Unavailable", "the gateway stopped before the call had ended", True)
            db.execute(
                "UPDATE tasks SET state = 'failed', updated = ?, failure = ? "
                "WHERE waited = 1 AND state IN ('queued', 'running')",
                (now, rows.packed(gone)),
            )
            last = Failure("Unavailable", "the gateway crashed during the last attempt", True)
            db.execute(
                "UPDATE tasks SET state = 'dead', updated = ?, failure = ? "
                "WHERE state = 'running' AND attempts >= ?",
                (now, rows.packed(last), attempts),
            )
            again = db.execute(
                "UPDATE tasks SET state = 'queued', updated = ?, due = ? WHERE state = 'running'",
                (now, now),
            )
            return again.rowcount

        return await self._store.run(write)

    async def forget(self, now: float) -> None:
        """Drops what nobody needs to know any more."""

        def write(db: Database) -> None:
            db.execute("DELETE FROM accepted WHERE expires < ?", (now,))
            db.execute(
                "DELETE FROM tasks WHERE state IN ('succeeded', 'failed', 'cancelled') "
                "AND updated < ?",
                (now - KEPT,),
            )

        await self._store.run(write)


def _release(db: Database, key: str, task: Task) -> None:
    """Frees a key, unless another task has it by now."""
    if key:
        db.execute("DELETE FROM accepted WHERE key = ? AND task = ?", (key, task.id))
