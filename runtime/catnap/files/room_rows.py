"""The tables of what scopes hold: how much, and since when nothing was written."""

from __future__ import annotations

from collections.abc import Iterable

from catnap.files.scopes import Scope
from catnap.store import Component, Database

TABLES = Component(
    "files",
    (
        """
CREATE TABLE file_scopes (
    scope TEXT PRIMARY KEY,       -- its prefix
    tenant TEXT NOT NULL,
    owner TEXT NOT NULL,          -- the user
    session TEXT NOT NULL,
    task TEXT NOT NULL,
    upload TEXT NOT NULL,         -- empty
    bytes INTEGER,                -- NULL: not counted yet, or not any more
    touched REAL NOT NULL,        -- seconds since the epoch
    swept REAL NOT NULL           -- until then somebody clears it away
) STRICT, WITHOUT ROWID;
CREATE TABLE file_sizes (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE file_holds (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    expires REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX file_holds_by_scope ON file_holds (scope);
""",
    ),
)
_SCOPE = "tenant, owner, session, task"


def counted(db: Database, scope: Scope) -> int | None:
    """Bytes that the scope holds, None where nobody has counted."""
    row = db.execute("SELECT bytes FROM file_scopes WHERE scope = ?", (scope.prefix,)).fetchone()
    return None if row is None else row["bytes"]


def count(db: Database, scope: Scope, sizes: Iterable[tuple[str, int]], now: float) -> None:
    """What a listing found, unless somebody else was first."""
    if counted(db, scope) is not None:
        return
    db.execute("DELETE FROM file_sizes WHERE scope = ?", (scope.prefix,))
    total = 0
    for key, size in sizes:
        total += size
        _size(db, scope, key, size)
    touch(db, scope, now, total)


def touch(db: Database, scope: Scope, now: float, total: int | None = None) -> None:
    """Something is written there, and nobody counts it; or the total is known."""
    db.execute(
        f"INSERT INTO file_scopes (scope, {_SCOPE}, upload, bytes, touched, swept) "  # noqa: S608 (constant)
        "VALUES (?, ?, ?, ?, ?, '', ?, ?, 0) ON CONFLICT (scope) DO UPDATE "
        "SET bytes = excluded.bytes, touched = excluded.touched",
        (scope.prefix, scope.tenant, scope.user, scope.session, scope.task, total, now),
    )


def hold(
    db: Database,
    scope: Scope,
    key: str,
    its_id: str,
    size: int,
    most: int,
    now: float,
    until: float,
) -> int:
    """Keeps room for so many bytes under the key; how many are missing, and then
    nothing is kept. What the key holds now makes room for what comes."""
    # Changed first, since that is what makes the work of two gateways take turns.
    row = db.execute(
        "UPDATE file_scopes SET touched = ? WHERE scope = ? RETURNING bytes", (now, scope.prefix)
    ).fetchone()
    held = db.execute(
        "SELECT coalesce(sum(bytes), 0) AS bytes FROM file_holds "
        "WHERE scope = ? AND id <> ? AND expires > ?",
        (scope.prefix, its_id, now),
    ).fetchone()
    if row is None:  # it was cleared away meanwhile
        touch(db, scope, now, 0)
        row = {"bytes": 0}
    missing = int((row["bytes"] or 0) - _there(db, scope, key) + held["bytes"]) + size - most
    if missing <= 0:
        db.execute(
            "INSERT INTO file_holds (id, scope, bytes, expires) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET bytes = excluded.bytes, expires = excluded.expires",
            (its_id, scope.prefix, size, until),
        )
    return missing


def settle(db: Database, scope: Scope, key: str, its_id: str, size: int, now: float) -> None:
    """The key has so many bytes from now on, and the room that was kept is free."""
    _change(db, scope, size - _there(db, scope, key), now)
    _size(db, scope, key, size)
    release(db, its_id)


def release(db: Database, its_id: str) -> None:
    db.execute("DELETE FROM file_holds WHERE id = ?", (its_id,))


def forget(db: Database, scope: Scope, key: str, now: float) -> None:
    """The key is no more."""
    _change(db, scope, -_there(db, scope, key), now)
    db.execute("DELETE FROM file_sizes WHERE scope = ? AND key = ?", (scope.prefix, key))


def claim(db: Database, kind: str, before: float, now: float, until: float) -> list[Scope]:
    """Some scopes of a kind that nobody has written to since `before`, nor
    clears away at the moment: they are the caller's to clear, until then."""
    rows = db.execute(
        f"UPDATE file_scopes SET swept = ? WHERE scope IN (SELECT scope FROM file_scopes "  # noqa: S608
        f"WHERE {_column(kind)} <> '' AND touched < ? AND swept < ? ORDER BY touched LIMIT 100) "
        f"AND swept < ? RETURNING {_SCOPE}",
        (until, before, now, now),
    ).fetchall()
    return [Scope(*row) for row in rows]


def drop(db: Database, scope: Scope, before: float) -> None:
    """The scope is empty, unless somebody has written to it since."""
    gone = db.execute(
        "DELETE FROM file_scopes WHERE scope = ? AND touched < ?", (scope.prefix, before)
    )
    if gone.rowcount:
        db.execute("DELETE FROM file_sizes WHERE scope = ?", (scope.prefix,))
        db.execute("DELETE FROM file_holds WHERE scope = ?", (scope.prefix,))


def _column(kind: str) -> str:
    return {"session": "session", "task": "task"}[kind]


def _there(db: Database, scope: Scope, key: str) -> int:
    row = db.execute(
        "SELECT bytes FROM file_sizes WHERE scope = ? AND key = ?", (scope.prefix, key)
    ).fetchone()
    return int(row["bytes"]) if row else 0


def _size(db: Database, scope: Scope, key: str, size: int) -> None:
    db.execute(
        "INSERT INTO file_sizes (scope, key, bytes) VALUES (?, ?, ?) "
        "ON CONFLICT (scope, key) DO UPDATE SET bytes = excluded.bytes",
        (scope.prefix, key, size),
    )


def _change(db: Database, scope: Scope, more: int, now: float) -> None:
    db.execute(
        "UPDATE file_scopes SET bytes = bytes + ?, touched = ? WHERE scope = ?",
        (more, now, scope.prefix),
    )
