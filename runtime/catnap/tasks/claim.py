"""Which tasks are to be worked at next.

However many wait, what is looked at is a few rows of each skill: the index
`tasks_next` holds the queued ones by tenant, skill, priority and due time.
Other gateways may claim at the same time: none waits for another, and what one
is about to begin, the others leave out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from catnap.store import Database
from catnap.tasks import rows
from catnap.tasks.task import Task

_AT_WORK = """
SELECT tenant, skill, count(*) AS number FROM tasks WHERE state = 'running' AND waited = 0
GROUP BY tenant, skill
"""
_NEXT_QUEUE = """
SELECT tenant, skill, priority FROM tasks WHERE state = 'queued' AND waited = 0
AND (tenant, skill, priority, due) > (?, ?, ?, ?)
ORDER BY tenant, skill, priority, due LIMIT 1
"""
_BUSY = "SELECT lane FROM tasks WHERE state = 'running' AND waited = 0 AND lane <> ''"
_DUE = f"""
SELECT -priority, due, id, lane, tenant, skill FROM tasks
WHERE state = 'queued' AND waited = 0
AND tenant = ? AND skill = ? AND priority = ? AND due <= ?
AND lane NOT IN ({_BUSY})
ORDER BY due LIMIT ?
"""  # noqa: S608


def claim(db: Database, holder: str, now: float, limit: int, per_skill: int) -> list[Task]:
    """Up to `limit` tasks that are due, the most urgent first, now running
    and the holder's."""
    at_work = {(tenant, skill): count for tenant, skill, count in db.execute(_AT_WORK)}
    due: list[tuple[int, float, str, str, str, str]] = []
    for tenant, skill, priority in _queues(db):
        room = min(limit, per_skill - at_work.get((tenant, skill), 0))
        if room > 0:
            due += (tuple(row) for row in db.execute(_DUE, (tenant, skill, priority, now, room)))
    lanes = set[str]()
    chosen = dict[str, str]()
    for _, _, id, lane, tenant, skill in sorted(due):  # noqa: A001
        if len(chosen) == limit:
            break
        working = at_work.get((tenant, skill), 0)
        if lane in lanes or working >= per_skill:
            continue
        if lane:
            if not db.alone(f"lane {lane}"):
                continue
            lanes.add(lane)
        at_work[tenant, skill] = working + 1
        chosen[id] = lane
    if lanes:  # another gateway may have begun one before its lane was ours
        busy = {row["lane"] for row in db.execute(_BUSY)}
        chosen = {id: lane for id, lane in chosen.items() if lane not in busy}  # noqa: A001
    return _begin(db, holder, now, list(chosen))


def _begin(db: Database, holder: str, now: float, ids: list[str]) -> list[Task]:
    """Those of them that are still to be begun, in their order."""
    if not ids:
        return []
    query = f"""
    UPDATE tasks SET state = 'running', attempts = attempts + 1, updated = ?, holder = ?
    WHERE id IN (SELECT id FROM tasks WHERE id IN ({", ".join("?" * len(ids))})
    AND state = 'queued'{db.skip_locked}) RETURNING *
    """  # noqa: S608
    begun = (rows.task_of(row) for row in db.execute(query, (now, holder, *ids)))
    by_id = {task.id: task for task in begun}
    return [by_id[id] for id in ids if id in by_id]  # noqa: A001


def _queues(db: Database) -> Iterator[tuple[str, str, int]]:
    """Tenant, skill and priority of what is queued, each once."""
    # Past every due time there is: no database skips equal rows by itself.
    place: tuple[str, str, int, float] = ("", "", 0, math.inf)
    while row := db.execute(_NEXT_QUEUE, place).fetchone():
        place = (row["tenant"], row["skill"], row["priority"], math.inf)
        yield place[:3]
