"""Taking over what a gateway that is gone was working at."""

from __future__ import annotations

from catnap.store import Database
from catnap.tasks import rows
from catnap.tasks.task import Failure

_HERE = """
INSERT INTO holders (name, gateway, until) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET until = excluded.until
"""
_GONE = "holder <> ? AND holder NOT IN (SELECT name FROM holders WHERE until >= ?)"
_WAITED = f"waited = 1 AND state IN ('queued', 'running') AND {_GONE}"
_FREE_KEYS = f"DELETE FROM accepted WHERE task IN (SELECT id FROM tasks WHERE {_WAITED})"  # noqa: S608
_FAIL = f"UPDATE tasks SET state = 'failed', updated = ?, failure = ? WHERE {_WAITED}"  # noqa: S608
_KILL = f"""
UPDATE tasks SET state = 'dead', updated = ?, failure = ?
WHERE state = 'running' AND attempts >= ? AND {_GONE}
"""  # noqa: S608
_AGAIN = f"""
UPDATE tasks SET state = 'queued', updated = ?, due = ? WHERE state = 'running' AND {_GONE}
"""  # noqa: S608


def recover(
    db: Database, holder: str, gateway: str, now: float, until: float, attempts: int
) -> int:
    """How many tasks are queued again. The holder is here until `until`; those
    whose time is over are gone, and those that were the same gateway before."""
    db.execute(_HERE, (holder, gateway, until))
    db.execute(
        "DELETE FROM holders WHERE until < ? OR gateway = ? AND name <> ?", (now, gateway, holder)
    )
    db.execute(_FREE_KEYS, (holder, now))
    left = Failure("Unavailable", "the gateway stopped before the call had ended", True)
    db.execute(_FAIL, (now, rows.packed(left), holder, now))
    last = Failure("Unavailable", "the gateway crashed during the last attempt", True)
    db.execute(_KILL, (now, rows.packed(last), attempts, holder, now))
    return db.execute(_AGAIN, (now, now, holder, now)).rowcount
