"""The audit's tables: records, which are only ever added, and where chains end
and begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from catnap.access.audit_heads import Cut, Head, Signer
from catnap.access.audit_record import FIRST, Entry, Link, linked
from catnap.store import Component, Database

# time and kind stand in the record as well; here they only find it.
TABLES = Component(
    "audit",
    (
        """
        CREATE TABLE audit (
            tenant TEXT NOT NULL, number INTEGER NOT NULL, time TEXT NOT NULL,
            kind TEXT NOT NULL, hash TEXT NOT NULL, record TEXT NOT NULL,
            PRIMARY KEY (tenant, number)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX audit_time ON audit (time, tenant, number);
        CREATE TABLE audit_heads (
            tenant TEXT PRIMARY KEY, number INTEGER NOT NULL, hash TEXT NOT NULL,
            signature TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """,
        """
        CREATE TABLE audit_cuts (
            tenant TEXT PRIMARY KEY, number INTEGER NOT NULL, hash TEXT NOT NULL,
            until TEXT NOT NULL, signature TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ),
)


def append(
    db: Database, tenant: str, entries: Iterable[Entry], anchor: Head | None, signer: Signer
) -> Head:
    """Adds entries to a tenant's chain; gives its new head, unsigned where the
    chain was not whole before: what was cut off stays missed."""
    head = locked(db, tenant)
    number, previous = _end(db, tenant)
    whole = (head.number, head.hash) == (number, previous) and (number == 0 or signer.good(head))
    whole = whole and (anchor is None or holds(db, anchor))
    for entry in entries:
        number += 1
        link = linked(entry, number, previous)
        previous = link.hash
        db.execute(
            "INSERT INTO audit (tenant, number, time, kind, hash, record) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (tenant, number, entry.time, entry.kind, link.hash, link.record.decode()),
        )
    new = signer.signed(tenant, number, previous) if whole else Head(tenant, number, previous)
    db.execute(
        "UPDATE audit_heads SET number = ?, hash = ?, signature = ? WHERE tenant = ?",
        (new.number, new.hash, new.signature, tenant),
    )
    return new


def holds(db: Database, head: Head) -> bool:
    """Whether the chain has that record, or had it before it was cut."""
    cut = cut_of(db, head.tenant)
    if cut is not None and 0 <= head.number <= cut.number:
        return head.number < cut.number or head.hash == cut.hash
    found = db.execute(
        "SELECT hash FROM audit WHERE tenant = ? AND number = ?", (head.tenant, head.number)
    ).fetchone()
    return found is not None and found["hash"] == head.hash


def chains(db: Database) -> list[str]:
    """The tenants that have one, also where its head is gone."""
    rows = db.execute(
        "SELECT tenant FROM audit_heads UNION SELECT tenant FROM audit ORDER BY tenant"
    )
    return [row["tenant"] for row in rows.fetchall()]


class Row(msgspec.Struct, frozen=True):
    """A record and what finds it."""

    tenant: str
    time: str
    kind: str
    link: Link


class Page(msgspec.Struct, frozen=True):
    """Records in their order, and both ends of their chain at that moment."""

    rows: list[Row]
    head: Head | None
    cut: Cut | None


def after(db: Database, tenant: str, number: int, limit: int) -> Page:
    """A chain's records behind one. One statement, so that all is of one moment,
    whoever else writes."""
    found = db.execute(
        "SELECT * FROM (SELECT 'record' AS part, tenant, number, time, kind, hash, record, "
        "'' AS signature FROM audit WHERE tenant = ? AND number > ? ORDER BY number LIMIT ?) "
        "AS page UNION ALL "
        "SELECT 'head', tenant, number, '', '', hash, '', signature FROM audit_heads "
        "WHERE tenant = ? UNION ALL "
        "SELECT 'cut', tenant, number, until, '', hash, '', signature FROM audit_cuts "
        "WHERE tenant = ?",
        (tenant, number, limit, tenant, tenant),
    ).fetchall()
    records, head, cut = [], None, None
    for row in found:
        if row["part"] == "record":
            records.append(_row(row))
        elif row["part"] == "head":
            head = Head(row["tenant"], row["number"], row["hash"], row["signature"])
        else:
            cut = Cut(row["tenant"], row["number"], row["hash"], row["time"], row["signature"])
    return Page(sorted(records, key=lambda each: each.link.number), head, cut)


Cursor = tuple[str, str, int]
"""Time, tenant and number of a record."""


def newest(
    db: Database,
    tenants: Sequence[str] | None,
    kinds: Sequence[str],
    since: str,
    before: Cursor,
    limit: int,
) -> list[Row]:
    """Records of these chains, or of all, before a cursor, the newest first."""
    where, values = ["time >= ?", "(time, tenant, number) < (?, ?, ?)"], [since, *before]
    for column, wanted in (("tenant", tenants), ("kind", kinds or None)):
        if wanted is not None:
            where.append(f"{column} IN ({', '.join('?' * len(wanted))})")
            values.extend(wanted)
    rows = db.execute(
        f"SELECT * FROM audit WHERE {' AND '.join(where)} "  # noqa: S608 - placeholders only
        "ORDER BY time DESC, tenant DESC, number DESC LIMIT ?",
        (*values, limit),
    )
    return [_row(row) for row in rows.fetchall()]


def _row(row: Any) -> Row:
    link = Link(row["number"], row["hash"], row["record"].encode())
    return Row(row["tenant"], row["time"], row["kind"], link)


def cut_of(db: Database, tenant: str) -> Cut | None:
    found = db.execute(
        "SELECT tenant, number, hash, until, signature FROM audit_cuts WHERE tenant = ?", (tenant,)
    ).fetchone()
    return None if found is None else Cut(**dict(found))


def locked(db: Database, tenant: str) -> Head:
    """The head's row, made where there is none. Writing it keeps every other
    gateway from this chain until the commit."""
    found = db.execute(
        "INSERT INTO audit_heads (tenant, number, hash, signature) VALUES (?, 0, ?, '') "
        "ON CONFLICT (tenant) DO UPDATE SET tenant = excluded.tenant "
        "RETURNING tenant, number, hash, signature",
        (tenant, FIRST),
    ).fetchone()
    return Head(**dict(found))


def _end(db: Database, tenant: str) -> tuple[int, str]:
    found = db.execute(
        "SELECT number, hash FROM audit WHERE tenant = ? ORDER BY number DESC LIMIT 1", (tenant,)
    ).fetchone()
    return (0, FIRST) if found is None else (found["number"], found["hash"])
