"""Use as rows. Each gateway writes rows of its own, so none waits for another."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec

from catnap.access.limits import Who
from catnap.access.usage import Used
from catnap.store import Database, Row

KEPT = 400
"""Days that use is known for."""

PRESENT = 20.0
"""Seconds for which a gateway counts as being there, after it was heard."""


class Use(msgspec.Struct, frozen=True):
    """What one tenant, user and skill used on one day in UTC (`2025-11-21`).
    skill: empty where models were asked directly. user: `*` for those together
    who were too many to be counted one by one."""

    day: str
    tenant: str
    user: str
    skill: str
    calls: int
    tokens: int
    compute_ms: float
    bytes: int
    cost: float = 0.0


class Share(msgspec.Struct, frozen=True):
    """What went through one gateway."""

    gateway: str
    who: Who
    used: Used


def put(db: Database, gateway: str, uses: Iterable[tuple[int, Who, Used]], now: float) -> None:
    """All that went through this gateway on a day, in place of what was written
    before."""
    for day, who, used in uses:
        db.execute(
            'INSERT INTO used (day, tenant, "user", skill, gateway, calls, tokens, compute_ms, '
            "bytes, cost, changed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            'ON CONFLICT (day, tenant, "user", skill, gateway) DO UPDATE SET '
            "calls = excluded.calls, tokens = excluded.tokens, compute_ms = excluded.compute_ms, "
            "bytes = excluded.bytes, cost = excluded.cost, changed = excluded.changed",
            (
                *(date(day), *who, gateway),
                *(used.calls, used.tokens, used.compute_ms, used.bytes, used.cost, now),
            ),
        )


def of_day(db: Database, day: str, tenant: str = "", user: str = "", skill: str = "") -> list[Use]:
    """By tenant, user and skill; those that are named, where they are."""
    where, values = ["day = ?"], [day]
    for column, value in (("tenant", tenant), ('"user"', user), ("skill", skill)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    query = (
        'SELECT tenant, "user", skill, sum(calls) AS calls, sum(tokens) AS tokens, '  # noqa: S608
        "sum(compute_ms) AS compute_ms, sum(bytes) AS bytes, sum(cost) AS cost "
        f"FROM used WHERE {' AND '.join(where)} "
        'GROUP BY tenant, "user", skill ORDER BY tenant, "user", skill'
    )
    found = ((row, _used(row)) for row in db.execute(query, values))
    return [
        Use(
            *(day, row["tenant"], row["user"], row["skill"]),
            used.calls,
            used.tokens,
            used.compute_ms,
            used.bytes,
            used.cost,
        )
        for row, used in found
    ]


def shares(db: Database, day: int, since: float = 0.0) -> list[Share]:
    """What each gateway wrote of a day at `since` or later, by its own clock."""
    query = "SELECT * FROM used WHERE day = ? AND changed >= ?"
    return [
        Share(row["gateway"], (row["tenant"], row["user"], row["skill"]), _used(row))
        for row in db.execute(query, (date(day), since))
    ]


def present(db: Database, gateway: str, now: float) -> int:
    """How many gateways there are, this one among them."""
    db.execute("DELETE FROM meters WHERE until < ?", (now,))
    db.execute(
        "INSERT INTO meters (gateway, until) VALUES (?, ?) "
        "ON CONFLICT (gateway) DO UPDATE SET until = excluded.until",
        (gateway, now + PRESENT),
    )
    count: int = db.execute("SELECT count(*) AS gateways FROM meters").fetchone()["gateways"]
    return count


def leave(db: Database, gateway: str) -> None:
    db.execute("DELETE FROM meters WHERE gateway = ?", (gateway,))


def forget(db: Database, day: int) -> None:
    """Drops the use of days that nobody asks for any more."""
    db.execute("DELETE FROM used WHERE day < ?", (date(day - KEPT),))


def date(day: int) -> str:
    """A day since the epoch as `2025-11-21`."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(days=day)).date().isoformat()


def _used(row: Row) -> Used:
    """Postgres adds whole numbers up to decimals."""
    return Used(
        *(int(row["calls"]), int(row["tokens"]), float(row["compute_ms"]), int(row["bytes"])),
        float(row["cost"]),
    )
