"""Homes as rows: what the gateways of one store agree on, of each session.

A home changes only from what its changer has seen of it: if it has changed
since, it stays as it is, and that is what the changer is told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from catnap.sessions.table import Session
from catnap.store import Component, Database, Row

TABLES = Component(
    "homes",
    (
        """
        CREATE TABLE homes (
            id TEXT PRIMARY KEY, service TEXT NOT NULL, revision TEXT NOT NULL,
            instance TEXT NOT NULL, version INTEGER NOT NULL, gateway TEXT NOT NULL,
            since REAL NOT NULL, until REAL NOT NULL, idle REAL NOT NULL, spare REAL NOT NULL,
            common INTEGER NOT NULL, busy REAL NOT NULL
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX homes_instance ON homes (instance)
        """,
    ),
)

LOOK = 2.0
"""Seconds after which a gateway notes again that a call of a session is still
at work."""

HOLD = 2 * LOOK
"""Seconds for which a session counts as at work after that was noted."""

_SPARE = 60.0
_KEPT = 60.0
"""Seconds for which a home that is over is kept: its reader may be slow."""
_SWEPT = 10_000
_AT_ONCE = 64
"""Ids in one statement."""


@dataclass(frozen=True, slots=True)
class Home:
    """Where a session is. instance: empty where it has only its revision.
    version: another for each change. gateway: whose change was the last.
    since: when that was, in seconds since the epoch, by that one's clock.
    common: whether others have sent calls there since. busy: until when one
    counts as at work there, noted only while the revision has no traffic."""

    revision: str
    instance: str
    version: int
    gateway: str
    since: float
    common: bool = field(compare=False)
    busy: float = field(compare=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A home that is to be. idle: seconds without a call after which it is
    none any more. most: sessions that the instance may have, 0 for any
    number; of more, the one that was quiet longest leaves. seen: the version
    of what it replaces, 0 where there was none. version: one that no other
    claim has. busy: ids of sessions with a call at work, that do not leave."""

    service: str
    revision: str
    instance: str
    version: int
    gateway: str
    idle: float
    most: int = 0
    seen: int = 0
    busy: Collection[str] = ()

    @property
    def spare(self) -> float:
        """Seconds that it lives beyond its idle time: for so long a use need
        not be written again. Where instances have a bound, it is known better
        who was quiet longest."""
        return 2 * LOOK if self.most else min(max(self.idle / 4, 2 * LOOK), _SPARE)


@dataclass(frozen=True, slots=True)
class Ask:
    """id: the session's. gateway: that asks. claim: made where its home is
    still what was seen. busy: note that a call is at work there."""

    id: str
    gateway: str
    claim: Claim | None = None
    busy: bool = False


def id_of(service: str, session: Session) -> str:
    """Another for each session of each service, and it tells nobody's name."""
    name, revision = (session, "") if isinstance(session, str) else session
    names = "\0".join((service, name, revision))
    return blake2b(names.encode(), digest_size=16).hexdigest()


def agree(db: Database, asks: Sequence[Ask], now: float) -> list[Home | None]:
    """Where each session is at home by now; None for a new one. To be asked
    is to be used."""
    found = _found(db, {ask.id for ask in asks})
    answers: list[Home | None] = [None] * len(asks)
    # In one order everywhere, so that no two gateways wait for each other's rows.
    for place in sorted(range(len(asks)), key=lambda place: asks[place].id):
        ask = asks[place]
        row = found.get(ask.id)
        if row is not None and row["until"] <= now:
            row = None
        if ask.claim is not None and (row is None or row["version"] == ask.claim.seen):
            found[ask.id] = row = _claim(db, ask.id, ask.claim, now)
            if ask.claim.most and row["version"] == ask.claim.version:
                found |= _found(db, _displace(db, ask.id, ask.claim, now))
        elif row is not None and _is_news(row, ask, now):
            row = _note(db, row, ask, now)
            if row is not None:
                found[ask.id] = row
        answers[place] = _home(row) if row is not None else None
    return answers


def count(db: Database, now: float) -> dict[tuple[str, str], int]:
    """How many sessions are at home at each instance of each service; forgets
    homes that are over."""
    query = f"""
    DELETE FROM homes WHERE id IN (
        SELECT id FROM homes WHERE until < ? LIMIT {_SWEPT}{db.skip_locked})
    """  # noqa: S608
    db.execute(query, (now - _KEPT,))
    rows = db.execute(
        "SELECT service, instance, count(*) AS sessions FROM homes "
        "WHERE until > ? AND instance <> '' GROUP BY service, instance",
        (now,),
    )
    return {(row["service"], row["instance"]): row["sessions"] for row in rows}


def _found(db: Database, ids: Iterable[str]) -> dict[str, Row]:
    ordered, found = sorted(ids), dict[str, Row]()
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start : start + _AT_ONCE]
        # Only so many different statements as there are powers of two.
        some += some[-1:] * ((1 << (len(some) - 1).bit_length()) - len(some))
        marks = ", ".join("?" * len(some))
        rows = db.execute(f"SELECT * FROM homes WHERE id IN ({marks})", some)  # noqa: S608
        found.update((row["id"], row) for row in rows)
    return found


def _claim(db: Database, id_: str, claim: Claim, now: float) -> Row:
    row: Row | None = db.execute(
        "INSERT INTO homes "
        "(id, service, revision, instance, version, gateway, since, until, idle, spare, "
        "common, busy) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0) ON CONFLICT (id) DO UPDATE SET "
        "revision = excluded.revision, instance = excluded.instance, "
        "version = excluded.version, gateway = excluded.gateway, since = excluded.since, "
        "until = excluded.until, idle = excluded.idle, spare = excluded.spare, "
        "common = 0, busy = 0 "
        "WHERE homes.version = ? OR homes.until <= ? RETURNING *",
        (
            *(id_, claim.service, claim.revision, claim.instance, claim.version, claim.gateway),
            *(now, now + claim.idle + claim.spare, claim.idle, claim.spare, claim.seen, now),
        ),
    ).fetchone()
    if row is None:
        return _found(db, [id_])[id_]  # whose claim came first; it is there, as it was refused
    return row


def _is_news(row: Row, ask: Ask, now: float) -> bool:
    """Whether its use says more than is written down."""
    soon_over = row["until"] < now + row["idle"] + LOOK
    return soon_over or ask.busy or (row["gateway"] != ask.gateway and not row["common"])


def _note(db: Database, row: Row, ask: Ask, now: float) -> Row | None:
    """None where it has become a new session meanwhile."""
    other = int(row["gateway"] != ask.gateway)
    busy = now + HOLD if ask.busy else 0.0
    changed: Row | None = db.execute(
        "UPDATE homes SET until = ?, common = common | ?, "
        "busy = CASE WHEN busy < ? THEN ? ELSE busy END "
        "WHERE id = ? AND version = ? RETURNING *",
        (now + row["idle"] + row["spare"], other, busy, busy, row["id"], row["version"]),
    ).fetchone()
    return changed or _found(db, [row["id"]]).get(row["id"])


def _home(row: Row) -> Home:
    values = {name: row[name] for name in Home.__slots__}
    return Home(**{**values, "common": bool(row["common"])})


def _displace(db: Database, id_: str, claim: Claim, now: float) -> list[str]:
    """The sessions that have left."""
    others = db.execute(
        "SELECT id FROM homes WHERE instance = ? AND service = ? AND until > ? AND id <> ? "
        "ORDER BY until, since",
        (claim.instance, claim.service, now, id_),
    ).fetchall()
    surplus = max(0, len(others) + 1 - claim.most)
    quiet = [row["id"] for row in others if row["id"] not in claim.busy]
    # One that somebody uses at this moment is not waited for: it stays.
    query = f"""
    UPDATE homes SET instance = '', version = ?, gateway = ?, since = ? WHERE id IN (
        SELECT id FROM homes WHERE id = ? AND instance = ?{db.skip_locked})
    """  # noqa: S608
    for other in quiet[:surplus]:
        db.execute(query, (claim.version, claim.gateway, now, other, claim.instance))
    return quiet[:surplus]
