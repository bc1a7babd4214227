"""Heads, snapshots and epochs as rows: who may move a head, and from where.

An epoch is the right to write one workspace, for one folder that an instance
has. The next one ends it. No number is ever given out twice, whatever became
of the workspace it was for.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from catnap.errors import Conflict, NotFound
from catnap.events.ids import path_part
from catnap.store import Component, Database, Row

_FIRST = """
CREATE TABLE workspaces (
    id TEXT PRIMARY KEY, tenant TEXT NOT NULL, "user" TEXT NOT NULL, skill TEXT NOT NULL,
    session TEXT NOT NULL, epoch INTEGER NOT NULL, head INTEGER NOT NULL, last INTEGER NOT NULL,
    used REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX workspaces_owner ON workspaces (tenant, "user", session, skill);
CREATE TABLE snapshots (
    workspace TEXT NOT NULL, number INTEGER NOT NULL, manifest TEXT NOT NULL,
    objects TEXT NOT NULL, files INTEGER NOT NULL, size INTEGER NOT NULL, taken REAL NOT NULL,
    PRIMARY KEY (workspace, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE epochs (
    id INTEGER PRIMARY KEY, last INTEGER NOT NULL
) STRICT
"""
_HOLDERS = """
ALTER TABLE workspaces ADD COLUMN holder TEXT NOT NULL DEFAULT '';
ALTER TABLE workspaces ADD COLUMN until REAL NOT NULL DEFAULT 0
;
CREATE INDEX workspaces_used ON workspaces (used)
"""
TABLES = Component("workspaces", (_FIRST, _HOLDERS))

KEPT = 10
"""Snapshots of a workspace, the newest of them, that it can go back to."""


class Workspace(msgspec.Struct, frozen=True):
    """Whose it is: a session has one at each skill that it calls, since each
    runs in an instance of its own."""

    tenant: str
    user: str
    skill: str
    session: str

    @property
    def id(self) -> str:
        """Another for each; no part of an id holds a NUL."""
        names = "\0".join((self.tenant, self.user, self.skill, self.session))
        return blake2b(names.encode(), digest_size=16).hexdigest()

    @property
    def prefix(self) -> str:
        """Begins the keys of all its objects, and of no file or other workspace."""
        return f"{path_part(self.tenant)}/{path_part(self.user)}/workspaces/{self.id}/"

    def __str__(self) -> str:
        return f"the workspace of session {self.session!r} at skill {self.skill!r}"


class Snapshot(msgspec.Struct, frozen=True):
    """number: counts up from 1. manifest: the name of its object. size: bytes
    of all files. taken: seconds since the epoch."""

    number: int
    manifest: str
    files: int
    size: int
    taken: float


class Held(msgspec.Struct, frozen=True):
    """A workspace as it is now. used: seconds since the epoch of its last
    snapshot or wake. head: None before the first snapshot."""

    workspace: Workspace
    epoch: int
    used: float
    head: Snapshot | None


_HELD = """SELECT w.*, s.manifest, s.files, s.size, s.taken, w.head AS number
    FROM workspaces w LEFT JOIN snapshots s ON s.workspace = w.id AND s.number = w.head"""


def next_epoch(db: Database) -> int:
    """One that nobody was given before."""
    row = db.execute(
        "INSERT INTO epochs (id, last) VALUES (1, 1) "
        "ON CONFLICT (id) DO UPDATE SET last = epochs.last + 1 RETURNING last"
    ).fetchone()
    return int(row["last"])


def claim(db: Database, workspace: Workspace, now: float) -> Held:
    """Makes it the caller's, under a new epoch; whoever had it can move its
    head no more. A workspace is there from its first claim."""
    about = (workspace.tenant, workspace.user, workspace.skill, workspace.session)
    db.execute(
        'INSERT INTO workspaces (id, tenant, "user", skill, session, epoch, head, last, used) '
        "VALUES (?, ?, ?, ?, ?, ?, 0, 0, ?) ON CONFLICT (id) DO UPDATE "
        "SET epoch = excluded.epoch, used = excluded.used, holder = '', until = 0",
        (workspace.id, *about, next_epoch(db), now),
    )
    return get(db, workspace)


def held(db: Database, workspace: Workspace, epoch: int) -> Held:
    """Raises Conflict where the epoch is over."""
    row = db.execute(f"{_HELD} WHERE w.id = ? AND w.epoch = ?", (workspace.id, epoch)).fetchone()
    if row is None:
        raise over(workspace, epoch)
    return _held(row)


def over(workspace: Workspace, epoch: int) -> Conflict:
    return Conflict(f"{workspace} is another instance's by now: epoch {epoch} is over")


def get(db: Database, workspace: Workspace) -> Held:
    """Raises NotFound."""
    row = db.execute(f"{_HELD} WHERE w.id = ?", (workspace.id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no such session: {workspace}")
    return _held(row)


def find(db: Database, tenant: str, user: str, session: str, skill: str, limit: int) -> list[Held]:
    """Those of a tenant, the last used first; empty names stand for any."""
    rows = db.execute(
        f"{_HELD} WHERE w.tenant = ? AND (? = '' OR w.\"user\" = ?) "
        "AND (? = '' OR w.session = ?) AND (? = '' OR w.skill = ?) "
        "ORDER BY w.used DESC, w.id LIMIT ?",
        (tenant, user, user, session, session, skill, skill, limit),
    )
    return [_held(row) for row in rows]


def commit(db: Database, held: Held, snapshot: Snapshot, objects: frozenset[str]) -> Held:
    """Moves the head to a snapshot that is whole, under the next number.
    objects: the names of all that it needs.

    Raises Conflict where the workspace has another epoch or head by now.
    """
    row = db.execute(
        "UPDATE workspaces SET last = last + 1, head = last + 1, used = ? "
        "WHERE id = ? AND epoch = ? AND head = ? RETURNING head",
        (
            *(snapshot.taken, held.workspace.id, held.epoch),
            held.head.number if held.head else 0,
        ),
    ).fetchone()
    if row is None:
        raise over(held.workspace, held.epoch)
    snapshot = msgspec.structs.replace(snapshot, number=row["head"])
    db.execute(
        "INSERT INTO snapshots (workspace, number, manifest, objects, files, size, taken) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(held.workspace.id, snapshot.number, snapshot.manifest, " ".join(sorted(objects))),
            *(snapshot.files, snapshot.size, snapshot.taken),
        ),
    )
    return msgspec.structs.replace(held, head=snapshot, used=snapshot.taken)


def trim(db: Database, held: Held) -> tuple[set[str], set[str]]:
    """Forgets the snapshots beyond KEPT: what these named, and what those that
    stay name. Raises Conflict where the epoch is over."""
    name = held.workspace.id
    # An update and no look, so that no claim comes between this and the end.
    found = db.execute(
        "UPDATE workspaces SET used = used WHERE id = ? AND epoch = ?", (name, held.epoch)
    )
    if not found.rowcount:
        raise over(held.workspace, held.epoch)
    rows = db.execute(
        "SELECT number, objects FROM snapshots WHERE workspace = ? ORDER BY number DESC", (name,)
    ).fetchall()
    head = held.head.number if held.head else 0
    stay = {row["number"] for row in rows[:KEPT]} | {head}
    dropped: set[str] = set()
    kept: set[str] = set()
    for row in rows:
        (kept if row["number"] in stay else dropped).update(row["objects"].split())
        if row["number"] not in stay:
            db.execute(
                "DELETE FROM snapshots WHERE workspace = ? AND number = ?", (name, row["number"])
            )
    return dropped - kept, kept


def history(db: Database, workspace: Workspace) -> list[Snapshot]:
    """Those it can go back to, the newest first."""
    rows = db.execute(
        "SELECT * FROM snapshots WHERE workspace = ? ORDER BY number DESC", (workspace.id,)
    )
    return [_snapshot(row) for row in rows]


def rewind(db: Database, workspace: Workspace, number: int, now: float) -> Held:
    """Moves the head back, under a new epoch: what an instance still has of the
    folder is not kept. Raises NotFound."""
    there = {each.number for each in history(db, workspace)}
    if number not in there:
        known = ", ".join(map(str, sorted(there))) or "none"
        raise NotFound(f"{workspace} has no snapshot {number}: there is {known}")
    db.execute(
        "UPDATE workspaces SET epoch = ?, head = ?, used = ?, until = 0 WHERE id = ?",
        (next_epoch(db), number, now, workspace.id),
    )
    return get(db, workspace)


def end(db: Database, workspace: Workspace) -> int:
    """Forgets it and its snapshots. Gives an epoch: what was stored before it
    is nobody's. Raises NotFound."""
    get(db, workspace)
    db.execute("DELETE FROM workspaces WHERE id = ?", (workspace.id,))
    return _forgotten(db, workspace)


def unused(db: Database, before: float, now: float) -> list[Workspace]:
    """Some that nobody has used since, or says to have at work now."""
    rows = db.execute(
        "SELECT * FROM workspaces WHERE used < ? AND until <= ? ORDER BY used LIMIT 100",
        (before, now),
    )
    return [_whose(row) for row in rows]


def expire(db: Database, workspace: Workspace, before: float, now: float) -> int | None:
    """As `end`, if it is still unused; else None."""
    gone = db.execute(
        "DELETE FROM workspaces WHERE id = ? AND used < ? AND until <= ?",
        (workspace.id, before, now),
    )
    return _forgotten(db, workspace) if gone.rowcount else None


def _forgotten(db: Database, workspace: Workspace) -> int:
    db.execute("DELETE FROM snapshots WHERE workspace = ?", (workspace.id,))
    return next_epoch(db)


def _held(row: Row) -> Held:
    head = _snapshot(row) if row["manifest"] else None
    return Held(_whose(row), row["epoch"], row["used"], head)


def _whose(row: Row) -> Workspace:
    return Workspace(row["tenant"], row["user"], row["skill"], row["session"])


def _snapshot(row: Row) -> Snapshot:
    return Snapshot(*(row[name] for name in Snapshot.__struct_fields__))
