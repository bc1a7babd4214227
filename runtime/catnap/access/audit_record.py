"""Records of the audit, and how each holds on to the one before it.

A record's bytes are written once, as JSON, and kept as they are. They begin
with the record's number and the hash of the record before; the hash of a
record is the SHA-256 of its bytes. So nothing needs to be encoded again to
check it, by whichever version.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal

import msgspec

Kind = Literal["action", "denial", "call"]
KINDS: tuple[Kind, ...] = ("action", "denial", "call")

FIRST = "0" * 64
"""What the first record names as the hash before it."""

DIFFERENT = 5
"""Denials of one asker that differ, and are told apart, of those written together."""

LONGEST = 400
"""Characters of a text that somebody else may have chosen."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What happened. Nothing in it was sent as a payload, and no credential.

    tenant: whose chain it belongs to; empty for the platform's own, where
    whoever asked was not known. time: RFC 3339, UTC, in milliseconds.
    outcome: `ok`, `accepted` for a call that is made later, or the error's
    name. of: the principal's tenant, where that is another. times: how often
    just this happened, within a moment.
    """

    tenant: str
    time: str
    kind: Kind
    outcome: str
    action: str = ""
    principal: str = ""
    of: str = ""
    user: str = ""
    skill: str = ""
    task: str = ""
    request: str = ""
    peer: str = ""
    detail: str = ""
    times: int = 1


class Record(Entry, frozen=True, kw_only=True, omit_defaults=True):
    """An entry in its place."""

    number: int
    previous: str


class Link(msgspec.Struct, frozen=True):
    """A record as it is kept: its bytes and their hash."""

    number: int
    hash: str
    record: bytes

    def read(self) -> Record:
        """Raises msgspec.DecodeError where these are no record's bytes."""
        return msgspec.json.decode(self.record, type=Record)


def linked(entry: Entry, number: int, previous: str) -> Link:
    """The entry behind the record whose hash is `previous`."""
    record = Record(**msgspec.structs.asdict(entry), number=number, previous=previous)
    written = msgspec.json.encode(record)
    return Link(number, digest(written), written)


def digest(record: bytes) -> str:
    return hashlib.sha256(record).hexdigest()


def moment(seconds: float) -> str:
    """Seconds since the epoch as records say them; they sort as text."""
    when = datetime.fromtimestamp(seconds, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def gathered(entries: Iterable[Entry]) -> list[Entry]:
    """Denials that differ in their time alone become one, the first, and those
    of one asker that differ otherwise become one where they are many: whoever
    knocks a thousand times a second fills no disk, at whatever doors."""
    found: dict[tuple[object, ...], Entry] = {}
    differ: Counter[tuple[str, ...]] = Counter()
    for number, entry in enumerate(entries):
        said = msgspec.structs.astuple(entry)
        # Anything else stays by itself.
        key = (said[0], *said[2:]) if entry.kind == "denial" else (number,)
        if entry.kind == "denial" and key not in found:
            who = (entry.tenant, entry.principal, entry.peer, entry.outcome)
            differ[who] += 1
            if differ[who] > DIFFERENT:
                key, entry = who, _more(entry)
        known = found.get(key)
        if known is not None:
            entry = msgspec.structs.replace(known, times=known.times + 1)
        found[key] = entry
    return list(found.values())


def _more(entry: Entry) -> Entry:
    return msgspec.structs.replace(
        entry, action="", skill="", request="", detail="more of the same moment"
    )


def called(
    *, tenant: str, principal: str, user: str, skill: str, task: str, outcome: str, now: float
) -> Entry:
    """A call, for those who keep a record of each. now: seconds since the epoch."""
    return Entry(
        tenant=tenant,
        time=moment(now),
        kind="call",
        action="skills.call",
        outcome=outcome,
        principal=principal,
        user=user,
        skill=skill,
        task=task,
    )
