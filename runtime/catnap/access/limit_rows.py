"""Limits and use in the store."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from catnap.access.limits import Limit, Who
from catnap.access.usage import Tally, Used
from catnap.store import Component, Database

KEPT = 400
"""Days that use is known for."""

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
            calls INTEGER NOT NULL, tokens INTEGER NOT NULL, compute_ms REAL NOT NULL,
            bytes INTEGER NOT NULL, PRIMARY KEY (day, tenant, "user", skill)
        ) STRICT, WITHOUT ROWID;
        """,
    ),
)


class Use(msgspec.Struct, frozen=True):
    """What one tenant, user and skill used on one day in UTC (`2025-11-21`).
    skill: empty where models were asked directly."""

    day: str
    tenant: str
    user: str
    skill: str
    calls: int
    tokens: int
    compute_ms: float
    bytes: int


def limits(db: Database) -> list[Limit]:
    found = db.execute('SELECT bounds FROM limits ORDER BY tenant, "user", skill')
    return [msgspec.msgpack.decode(row["bounds"], type=Limit) for row in found]


def put(db: Database, limit: Limit) -> None:
    """In place of the one of the same scope."""
    db.execute(
        'INSERT INTO limits (tenant, "user", skill, bounds) VALUES (?, ?, ?, ?) '
        'ON CONFLICT (tenant, "user", skill) DO UPDATE SET bounds = excluded.bounds',
        (*limit.scope, msgspec.msgpack.encode(limit)),
    )


def remove(db: Database, scope: Who) -> bool:
    """Whether there was one."""
    query = 'DELETE FROM limits WHERE tenant = ? AND "user" = ? AND skill = ?'
    return db.execute(query, scope).rowcount > 0


def add(db: Database, uses: Iterable[tuple[int, Who, Used]]) -> None:
    """Use that is not in the store yet, by day and whose it is."""
    for day, who, used in uses:
        db.execute(
            'INSERT INTO used (day, tenant, "user", skill, calls, tokens, compute_ms, bytes) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            'ON CONFLICT (day, tenant, "user", skill) DO UPDATE SET '
            "calls = used.calls + excluded.calls, tokens = used.tokens + excluded.tokens, "
            "compute_ms = used.compute_ms + excluded.compute_ms, "
            "bytes = used.bytes + excluded.bytes",
            (date(day), *who, used.calls, used.tokens, used.compute_ms, used.bytes),
        )


def of_day(db: Database, day: str, tenant: str = "", user: str = "", skill: str = "") -> list[Use]:
    """By tenant, user and skill; those that are named, where they are."""
    where, values = ["day = ?"], [day]
    for column, value in (("tenant", tenant), ('"user"', user), ("skill", skill)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    query = f'SELECT * FROM used WHERE {" AND ".join(where)} ORDER BY tenant, "user", skill'  # noqa: S608
    return [Use(**dict(row)) for row in db.execute(query, values)]


def tallies(db: Database, day: int) -> list[Tally]:
    return [
        Tally(
            day,
            (use.tenant, use.user, use.skill),
            Used(use.calls, use.tokens, use.compute_ms, use.bytes),
        )
        for use in of_day(db, date(day))
    ]


def forget(db: Database, day: int) -> None:
    """Drops the use of days that nobody asks for any more."""
    db.execute("DELETE FROM used WHERE day < ?", (date(day - KEPT),))


def date(day: int) -> str:
    """A day since the epoch as `2025-11-21`."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(days=day)).date().isoformat()
