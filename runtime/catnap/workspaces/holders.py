"""Who has a workspace, and until when others wait for that, as rows.

Who has it says so again and again, as long as calls are at work there or
something is still to be kept.
"""

from __future__ import annotations

from catnap.store import Database
from catnap.workspaces.rows import Held, Workspace, get, next_epoch, over


def take(
    db: Database, workspace: Workspace, holder: str, epoch: int, now: float, until: float
) -> Held | None:
    """Makes it the holder's, and its call the one that others wait for; under a
    new epoch, unless `epoch` is its own and lasts. None where another has calls
    at work there, or something still to be kept, and has said so for a time
    that is not over.

    holder: an instance's name. One that asks for what it has already, and does
    not know it, has started again and lost that.
    """
    known = db.execute(
        "UPDATE workspaces SET until = ?, used = ? WHERE id = ? AND epoch = ? AND holder = ?",
        (until, now, workspace.id, epoch, holder),
    )
    if not known.rowcount:
        busy = db.execute(
            "SELECT 1 FROM workspaces WHERE id = ? AND until > ? AND holder <> ?",
            (workspace.id, now, holder),
        ).fetchone()
        if busy:
            return None
        about = (workspace.tenant, workspace.user, workspace.skill, workspace.session)
        taken = db.execute(
            'INSERT INTO workspaces (id, tenant, "user", skill, session, epoch, head, last, used, '
            "holder, until) VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
            "SET epoch = excluded.epoch, used = excluded.used, holder = excluded.holder, "
            "until = excluded.until "
            "WHERE workspaces.until <= ? OR workspaces.holder = excluded.holder",
            (workspace.id, *about, next_epoch(db), now, holder, until, now),
        )
        if not taken.rowcount:
            return None
    return get(db, workspace)


def hold(db: Database, workspace: Workspace, epoch: int, until: float) -> None:
    """Others wait for its holder until then, in seconds since the epoch; 0: no
    longer. Raises Conflict where the epoch is over."""
    found = db.execute(
        "UPDATE workspaces SET until = ? WHERE id = ? AND epoch = ?", (until, workspace.id, epoch)
    )
    if not found.rowcount:
        raise over(workspace, epoch)


def excuse(db: Database, since: float, now: float, until: float) -> None:
    """Who had something to keep, and could not say so between `since` and now,
    has until then to say it again."""
    db.execute(
        "UPDATE workspaces SET until = ? WHERE until > ? AND until <= ?", (until, since, now)
    )
