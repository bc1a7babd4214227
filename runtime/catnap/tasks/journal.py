"""The journal: tasks, and what has been accepted already.

What `accept`, `claim`, `end` and the like have answered is on disk.
"""

from __future__ import annotations

import contextlib
import functools
import secrets
from collections import deque
from collections.abc import Iterable, Sequence

from catnap.errors import InvalidRequest
from catnap.store import Database, Store
from catnap.tasks import acceptance, recovery, rows
from catnap.tasks.acceptance import Acceptance
from catnap.tasks.claim import claim
from catnap.tasks.task import Failure, State, Task

LEASE = 30.0
"""Seconds after which a gateway that was not heard of counts as gone: more than
the clocks of two may differ."""

KEPT = 7 * 24 * 3600.0
"""Seconds a task is kept after it ended; a dead one is kept until redriven."""


class Journal:
    """Methods answer when what they did will outlast a crash. All of them
    raise Unavailable where the store does not take it."""

    def __init__(self, store: Store, gateway: str = "") -> None:
        """store: with the tables of `rows.TABLES`. gateway: whose journal it is,
        by a name that it keeps over a restart; of those that share a store,
        each has its own."""
        self._store = store
        self._gateway = gateway if store.shared else ""  # of a file, there is one
        self._holder = secrets.token_hex(8)
        self._noted: deque[Task] = deque()

    @property
    def shared(self) -> bool:
        """Whether other gateways may work from the same journal."""
        return self._store.shared

    async def accept(self, wanted: Sequence[Acceptance]) -> list[tuple[Task, bool]]:
        """Records tasks, all or none; for each, the task that stands for it
        and whether it is new.

        A known key gives the task it was first used for. A task with a lane
        joins the one that waits there, which then carries the newer event and
        has all its attempts again.
        """
        return await self._store.run(
            lambda db: [acceptance.accept(db, self._holder, each) for each in wanted]
        )

    def note(self, task: Task) -> None:
        """Records a task or its end, when there is time: nobody was promised.

        What one commit would write of a task twice, it writes once.
        """
        self._noted.append(task)
        if len(self._noted) == 1:  # else it is asked for already
            self._store.later(_Notes(self._store, self._holder, self._noted))

    async def write(self, task: Task, *, forget: str = "") -> None:
        """Records a task; `forget` is a key of it that may be used again."""

        def write(db: Database) -> None:
            rows.replace(db, self._holder, task)
            _release(db, forget, task)

        await self._store.run(write)

    def withdraw(self, task: Task, key: str) -> None:
        """Writes that a task which may have been accepted has ended, when
        there is time, and frees its key; nothing if it was not."""

        def write(db: Database) -> None:
            if db.execute("SELECT 1 FROM tasks WHERE id = ?", (task.id,)).fetchone():
                rows.replace(db, self._holder, task)
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

        return await self._store.run(lambda db: claim(db, self._holder, now, limit, per_skill))

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
        attempt: int | None = None,
    ) -> Task | None:
        """Writes how an attempt ended; None if the task had ended before.

        state `queued` asks for another attempt at `due`. One that was not
        `begun` counts as none. attempt: the number of the one that ended: None
        too where another has been begun, by a gateway that took the task over.
        """
        query = (
            "UPDATE tasks SET state = ?, updated = ?, due = coalesce(?, due), "
            "content_type = ?, result = ?, failure = ?, attempts = attempts - ? "
            "WHERE id = ? AND state IN ('queued', 'running')"
        )
        failed = rows.packed(failure)
        values = [state, now, due, content_type, result, failed, int(not begun), id]
        if attempt is not None:
            query += " AND attempts = ? AND holder = ?"
            values += [attempt, self._holder]

        def write(db: Database) -> Task | None:
            row = db.execute(f"{query} RETURNING *", values).fetchone()
            return rows.task_of(row) if row else None

        return await self._store.run(write)

    async def cancelled(self, ids: Sequence[str]) -> list[str]:
        """Which of these tasks are."""
        if not ids:
            return []
        places = ", ".join("?" * len(ids))
        query = f"SELECT id FROM tasks WHERE state = 'cancelled' AND id IN ({places})"  # noqa: S608

        def read(db: Database) -> list[str]:
            return [row["id"] for row in db.execute(query, ids)]

        return await self._store.run(read)

    async def redrive(self, tenant: str, id: str, now: float) -> Task:  # noqa: A002
        """Queues a dead task again, with all its attempts and no deadline.
        Raises InvalidRequest if it is not dead."""

        def write(db: Database) -> Task:
            row = db.execute(
                "UPDATE tasks SET state = 'queued', attempts = 0, due = ?, updated = ?, "
                "deadline = NULL, failure = NULL "
                "WHERE id = ? AND tenant = ? AND state = 'dead' RETURNING *",
                (now, now, id, tenant),
            ).fetchone()
            if row is None:
                state = rows.get(db, tenant, id).state
                raise InvalidRequest(f"task {id} is {state}; only a dead one can be redriven")
            return rows.task_of(row)

        return await self._store.run(write)

    async def give_back(self, now: float) -> None:
        """Before a stop: what is at work here is queued again, and the attempt
        that the stop broke off counts as none."""

        def write(db: Database) -> None:
            db.execute(
                "UPDATE tasks SET state = 'queued', updated = ?, attempts = attempts - 1 "
                "WHERE state = 'running' AND waited = 0 AND holder = ?",
                (now, self._holder),
            )
            db.execute("DELETE FROM holders WHERE name = ?", (self._holder,))

        await self._store.run(write)

    async def recover(self, now: float, attempts: int) -> int:
        """What a crash broke off, of this gateway before or of another that was
        not heard of for LEASE, is queued again, and dead where that was its
        last attempt of `attempts`; what somebody waited for there is over.
        Gives the number of tasks queued again.

        After a start, and where the journal is shared, at least three times in
        LEASE: it says that we are there, too. An attempt that a crash broke
        off counts: it may be what crashed us.
        """

        def write(db: Database) -> int:
            until = now + LEASE
            return recovery.recover(db, self._holder, self._gateway, now, until, attempts)

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


class _Notes:
    """Writes what is noted; what it has taken once, it writes again where it
    is run again."""

    def __init__(self, store: Store, holder: str, noted: deque[Task]) -> None:
        self._store = store
        self._holder = holder
        self._noted = noted
        self._newest: dict[str, Task] = {}

    def __call__(self, db: Database) -> None:
        # In the store's thread: pop until there is none, whatever comes meanwhile.
        with contextlib.suppress(IndexError):
            while True:
                task = self._noted.popleft()
                self._newest[task.id] = task
        tasks = list(self._newest.values())
        try:
            rows.replace_all(db, self._holder, tasks)
        except Exception as error:
            if self._store.is_outage(error):
                raise
            # One that cannot be written takes no other with it.
            for task in tasks:
                self._store.later(functools.partial(rows.replace, holder=self._holder, task=task))
            raise


def _release(db: Database, key: str, task: Task) -> None:
    """Frees a key, unless another task has it by now."""
    if key:
        db.execute("DELETE FROM accepted WHERE key = ? AND task = ?", (key, task.id))
