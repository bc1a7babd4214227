"""The table of skills' secrets. Values are in it sealed alone."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from catnap.store import Component, Database

TABLES = Component(
    "secrets",
    (
        """
        CREATE TABLE secrets (
            tenant TEXT NOT NULL, skill TEXT NOT NULL, name TEXT NOT NULL,
            sealed BLOB NOT NULL, updated REAL NOT NULL, author TEXT NOT NULL,
            PRIMARY KEY (tenant, skill, name)
        ) STRICT, WITHOUT ROWID
        """,
    ),
)


class Kept(msgspec.Struct, frozen=True):
    """What is told of a secret. updated: seconds since the epoch; author: the
    name of the principal who set it."""

    skill: str
    name: str
    updated: float
    author: str


def put(db: Database, tenant: str, kept: Kept, sealed: bytes) -> None:
    db.execute(
        "INSERT INTO secrets (tenant, skill, name, sealed, updated, author) "
        "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant, skill, name) DO UPDATE SET "
        "sealed = excluded.sealed, updated = excluded.updated, author = excluded.author",
        (tenant, kept.skill, kept.name, sealed, kept.updated, kept.author),
    )


def remove(db: Database, tenant: str, skill: str, name: str) -> bool:
    """Whether there was one."""
    return bool(
        db.execute(
            "DELETE FROM secrets WHERE tenant = ? AND skill = ? AND name = ?",
            (tenant, skill, name),
        ).rowcount
    )


def listed(db: Database, tenant: str) -> list[Kept]:
    rows = db.execute(
        "SELECT skill, name, updated, author FROM secrets WHERE tenant = ? ORDER BY skill, name",
        (tenant,),
    )
    return [Kept(**dict(row)) for row in rows.fetchall()]


def sealed_of(db: Database, tenant: str, skill: str, names: Sequence[str]) -> dict[str, bytes]:
    """By name, those of these that are set."""
    rows = db.execute(
        "SELECT name, sealed FROM secrets WHERE tenant = ? AND skill = ?", (tenant, skill)
    )
    return {row["name"]: bytes(row["sealed"]) for row in rows.fetchall() if row["name"] in names}
