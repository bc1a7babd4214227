"""Limits as rows, and the tables of them and of use."""

from __future__ import annotations

import msgspec

from catnap.access.limits import Limit, Who
from catnap.access.model_usage_rows import TABLE as MODELS
from catnap.store import Component, Database

LIMITS = Component(
    "limits",
    (
        """
        CREATE TABLE limits (
            tenant TEXT NOT NULL, "user" TEXT NOT NULL, skill TEXT NOT NULL, bounds BLOB NOT NULL,
            PRIMARY KEY (tenant, "user", skill)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE used (
            day TEXT NOT NULL, tenant TEXT NOT NULL, "user" TEXT NOT NULL, skill TEXT NOT NULL,
            gateway TEXT NOT NULL, calls INTEGER NOT NULL, tokens INTEGER NOT NULL,
            compute_ms REAL NOT NULL, bytes INTEGER NOT NULL, changed REAL NOT NULL,
            PRIMARY KEY (day, tenant, "user", skill, gateway)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX used_changed ON used (changed);
        CREATE TABLE meters (
            gateway TEXT PRIMARY KEY, until REAL NOT NULL
        ) STRICT, WITHOUT ROWID;
        """,
        f"ALTER TABLE used ADD COLUMN cost REAL NOT NULL DEFAULT 0; {MODELS}",
    ),
)


_bounds = msgspec.msgpack.Decoder(Limit)


def limits(db: Database) -> list[Limit]:
    found = db.execute('SELECT bounds FROM limits ORDER BY tenant, "user", skill')
    return [_bounds.decode(row["bounds"]) for row in found]


def put(db: Database, limit: Limit) -> None:
    """In place of the one of the same scope. What it does not limit is left out:
    a gateway of the release before may not know the measure."""
    said = {key: value for key, value in msgspec.structs.asdict(limit).items() if value is not None}
    db.execute(
        'INSERT INTO limits (tenant, "user", skill, bounds) VALUES (?, ?, ?, ?) '
        'ON CONFLICT (tenant, "user", skill) DO UPDATE SET bounds = excluded.bounds',
        (*limit.scope, msgspec.msgpack.encode(said)),
    )


def remove(db: Database, scope: Who) -> bool:
    """Whether there was one."""
    query = 'DELETE FROM limits WHERE tenant = ? AND "user" = ? AND skill = ?'
    return db.execute(query, scope).rowcount > 0
