"""Which tasks are to be worked at next.

However many wait, what is looked at is a few rows of each skill: the index
`tasks_next` holds the queued ones by tenant, skill, priority and due time.
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
# Past every due time there is: SQLite does not skip equal rows by itself.
_DUE = """
SELECT -priority, due, id, lane, tenant, skill FROM tasks
WHERE state = 'queued' AND waited = 0
AND tenant = ? AND skill = ? AND priority = ? AND due <= ?
AND lane NOT IN (SELECT lane FROM tasks WHERE state = 'running' AND waited = 0 AND lane <> '')
ORDER BY due LIMIT ?
"""
_BEGIN = """
UPDATE tasks SET state = 'running', attempts = attempts + 1, updated = ? WHERE id = ? RETURNING *
"""


def claim(db: Database, now: float, limit: int, per_skill: int) -> list[Task]:
    """Up to `limit` tasks that are due, the most urgent first, now running."""
    at_work = {(tenant, skill): count for tenant, skill, count in db.execute(_AT_WORK)}
    due: list[tuple[int, float, str, str, str, str]] = []
    for tenant, skill, priority in _queues(db):
        room = min(limit, per_skill - at_work.get((tenant, skill), 0))
        if room > 0:
            due += (tuple(row) for row in db.execute(_DUE, (tenant, skill, priority, now, room)))
    lanes = set[str]()
    claimed = list[Task]()
    for _, _, id, lane, tenant, skill in sorted(due):  # noqa: A001
        if len(claimed) == limit:
            break
        working = at_work.get((tenant, skill), 0)
        if lane in lanes or working >= per_skill:
            continue
        if lane:
            lanes.add(lane)
        at_work[tenant, skill] = working + 1
        claimed.append(rows.task_of(db.execute(_BEGIN, (now, id)).fetchone()))
    return claimed


def _queues(db: Database) -> Iterator[tuple[str, str, int]]:
    """Tenant, skill and priority of what is queued, each once."""
    place = ("", "", 0, math.inf)
    while row := db.execute(_NEXT_QUEUE, place).fetchone():
        place = (row["tenant"], row["skill"], row["priority"], math.inf)
        yield place[:3]
