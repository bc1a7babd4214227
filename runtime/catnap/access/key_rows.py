"""Keys as rows: the tables, and what becomes of a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from catnap.errors import Conflict, NotFound, ResourceExhausted
from catnap.store import Component, Database, Row

KEYS = Component(
    "keys",
    (
        """
        CREATE TABLE keys (
            id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, name TEXT NOT NULL,
            tenant TEXT NOT NULL, "user" TEXT, roles TEXT NOT NULL, creator TEXT NOT NULL,
            created REAL NOT NULL, expires REAL, revoked REAL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX keys_name ON keys (tenant, name);
        CREATE TABLE keys_users (
            tenant TEXT NOT NULL, "user" TEXT NOT NULL, ended REAL NOT NULL,
            PRIMARY KEY (tenant, "user")
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE keys_version (
            id INTEGER PRIMARY KEY, version INTEGER NOT NULL
        ) STRICT;
        INSERT INTO keys_version (id, version) VALUES (1, 0)
        """,
        # The version that a key was changed with last.
        """
        ALTER TABLE keys ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
        CREATE INDEX keys_changed ON keys (changed)
        """,
    ),
)
MAX_LIVE = 1000
"""Keys of one tenant that are good at one time."""

KEPT = 90 * 86400.0
"""Seconds for which a key that is good no more is still listed."""

_LIVE = "revoked IS NULL AND (expires IS NULL OR expires > ?)"


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """What anybody may see of a key. Times are seconds since the epoch.

    `user` None acts for any user of the tenant; `expires` None has no end.
    `creator` is the name of whose credential made it.
    """

    id: str
    name: str
    tenant: str
    user: str | None
    roles: tuple[str, ...]
    creator: str
    created: float
    expires: float | None = None
    revoked: float | None = None

    def state(self, now: float) -> str:
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "live"


_COLUMNS = Issued.__struct_fields__
_KEYS = "SELECT * FROM keys WHERE"
_COUNT = "SELECT count(*) FROM keys WHERE"
_PUT = "INSERT INTO keys"


def version(db: Database) -> int:
    """Another one after each change."""
    found: int = db.execute("SELECT version FROM keys_version").fetchone()[0]
    return found


def live(db: Database, now: float) -> list[tuple[str, Issued]]:
    """The hash of each key that is good, and the key."""
    rows = db.execute(f"{_KEYS} {_LIVE}", (now,))
    return [(row["hash"], _issued(row)) for row in rows]


def changed(db: Database, since: int) -> list[tuple[str, Issued]]:
    """The hash of each key that was changed after that version, and the key."""
    rows = db.execute(f"{_KEYS} changed > ?", (since,))
    return [(row["hash"], _issued(row)) for row in rows]


def listed(db: Database, tenant: str) -> list[Issued]:
    """A tenant's, newest first; also those that are good no more."""
    rows = db.execute(f"{_KEYS} tenant = ? ORDER BY created DESC, id", (tenant,))
    return [_issued(row) for row in rows]


def create(db: Database, key: Issued, hash_: str, now: float) -> None:
    """Raises Conflict where a key of that name is good, and ResourceExhausted
    where the tenant has too many."""
    version = _begin(db)
    db.execute("DELETE FROM keys WHERE revoked < ? OR expires < ?", (now - KEPT, now - KEPT))
    if _named(db, key.tenant, key.name, now):
        raise Conflict(
            f"there is a key {key.name!r} already: rotate it for a new secret, revoke it, or "
            "choose another name"
        )
    _insert(db, key, hash_, now, version)


def newest(db: Database, tenant: str, which: str, now: float) -> Issued:
    """The good key of that name, or of the same name as that id: one that was
    rotated is good for a while, and none to go on from. Raises NotFound."""
    name = _found(db, tenant, which, now)[0].name
    return max(_named(db, tenant, name, now), key=lambda each: each.created)


def rotate(db: Database, new: Issued, hash_: str, now: float, overlap: float) -> None:
    """Puts the key in the place of those of its name, which are good for
    `overlap` seconds more."""
    version = _begin(db)
    for each in _named(db, new.tenant, new.name, now):
        end = now + overlap if each.expires is None else min(now + overlap, each.expires)
        db.execute("UPDATE keys SET expires = ?, changed = ? WHERE id = ?", (end, version, each.id))
    _insert(db, new, hash_, now, version)


def revoke(db: Database, tenant: str, which: str, now: float) -> list[Issued]:
    """All good keys of that name, or the one with that id. Raises NotFound."""
    version = _begin(db)
    return _revoked(db, _found(db, tenant, which, now), now, version)


def end_user(db: Database, tenant: str, user: str, now: float) -> list[Issued]:
    """Revokes all good keys of a user. Tokens that were made until now are not
    taken any more, either."""
    version = _begin(db)
    db.execute(
        'INSERT INTO keys_users (tenant, "user", ended) VALUES (?, ?, ?) '
        'ON CONFLICT (tenant, "user") DO UPDATE SET ended = excluded.ended',
        (tenant, user, now),
    )
    rows = db.execute(f'{_KEYS} tenant = ? AND "user" = ? AND {_LIVE}', (tenant, user, now))
    return _revoked(db, [_issued(row) for row in rows], now, version)


def ended(db: Database) -> dict[tuple[str, str], float]:
    """By tenant and user: when their credentials were ended the last time."""
    rows = db.execute("SELECT * FROM keys_users")
    return {(row["tenant"], row["user"]): row["ended"] for row in rows}


def _begin(db: Database) -> int:
    """Says that there is a change, and lets one replica at a time make one.
    Gives its version."""
    begun = db.execute("UPDATE keys_version SET version = version + 1 RETURNING version")
    found: int = begun.fetchone()[0]
    return found


def _revoked(db: Database, keys: list[Issued], now: float, version: int) -> list[Issued]:
    for each in keys:
        db.execute("UPDATE keys SET revoked = ?, changed = ? WHERE id = ?", (now, version, each.id))
    return [msgspec.structs.replace(each, revoked=now) for each in keys]


def _found(db: Database, tenant: str, which: str, now: float) -> list[Issued]:
    rows = db.execute(f"{_KEYS} tenant = ? AND id = ? AND {_LIVE}", (tenant, which, now))
    found = [_issued(row) for row in rows] or _named(db, tenant, which, now)
    if not found:
        raise NotFound(
            f"tenant {tenant!r} has no key {which!r} that is good: `catnap keys list` shows those "
            "there are; the settings' own keys are changed there"
        )
    return found


def _named(db: Database, tenant: str, name: str, now: float) -> list[Issued]:
    rows = db.execute(f"{_KEYS} tenant = ? AND name = ? AND {_LIVE}", (tenant, name, now))
    return [_issued(row) for row in rows]


def _insert(db: Database, key: Issued, hash_: str, now: float, version: int) -> None:
    count = db.execute(f"{_COUNT} tenant = ? AND {_LIVE}", (key.tenant, now)).fetchone()[0]
    if count >= MAX_LIVE:
        raise ResourceExhausted(
            f"tenant {key.tenant!r} has {MAX_LIVE} keys that are good, and may have no more: "
            "revoke one"
        )
    values: Sequence[Any] = [
        msgspec.json.encode(value).decode() if name == "roles" else value
        for name, value in msgspec.structs.asdict(key).items()
    ]
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    places = ", ".join("?" * len(_COLUMNS))
    db.execute(
        f"{_PUT} (hash, changed, {names}) VALUES (?, ?, {places})", (hash_, version, *values)
    )


def _issued(row: Row) -> Issued:
    values = {name: row[name] for name in _COLUMNS}
    return Issued(**{**values, "roles": tuple(msgspec.json.decode(values["roles"]))})
