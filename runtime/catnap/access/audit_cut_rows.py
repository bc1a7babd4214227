"""How the beginning of a chain is cut off, so that what is left can be checked."""

from __future__ import annotations

from typing import NamedTuple

from catnap.access.audit_chain import Chain
from catnap.access.audit_heads import Head, Signer
from catnap.access.audit_record import Entry
from catnap.access.audit_rows import after, append, locked
from catnap.errors import Unavailable
from catnap.store import Database

STEP = 500
"""Records that are cut off at once: other work of the store waits."""


class Begun(NamedTuple):
    """upto: the number up to which all records are older. head: of the chain,
    with the record that says so. removed: how many are gone already."""

    upto: int
    head: Head
    removed: int


def begin(
    db: Database, tenant: str, before: str, now: str, anchor: Head | None, signer: Signer
) -> Begun | None:
    """None where no record is older. Raises as `step`."""
    locked(db, tenant)
    upto = _older(db, tenant, before)
    if not upto:
        return None
    made = Entry(
        tenant=tenant,
        time=now,
        kind="action",
        action="audit.cut",
        outcome="ok",
        detail=f"up to record {upto}, older than {before}",
    )
    head = append(db, tenant, [made], anchor, signer)
    if not head.signature:
        raise _not_whole(tenant, "audit verify says where")
    return Begun(upto, head, step(db, tenant, upto, signer))


def step(db: Database, tenant: str, upto: int, signer: Signer) -> int:
    """Cuts off some of a chain's records: how many, and 0 at the end. Raises
    Unavailable where they are not as they were written: what was done to them
    would not be seen any more."""
    locked(db, tenant)
    page = after(db, tenant, 0, STEP)
    chain = Chain(tenant, cut=page.cut)
    chain.check_cut(signer)
    going = [row for row in page.rows if row.link.number <= upto]
    for row in going:
        chain.take(row.link, row.time, row.kind)
    problem = chain.verdict().problem
    if problem:
        raise _not_whole(tenant, problem)
    if not going:
        return 0
    last = going[-1]
    cut = signer.cut(tenant, last.link.number, last.link.hash, last.time)
    db.execute("DELETE FROM audit WHERE tenant = ? AND number <= ?", (tenant, cut.number))
    db.execute(
        "INSERT INTO audit_cuts (tenant, number, hash, until, signature) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (tenant) DO UPDATE SET number = excluded.number, hash = excluded.hash, "
        "until = excluded.until, signature = excluded.signature",
        (tenant, cut.number, cut.hash, cut.until, cut.signature),
    )
    return len(going)


def _older(db: Database, tenant: str, before: str) -> int:
    """By number, as far as none is younger."""
    bounds = [
        db.execute(
            f"SELECT number FROM audit WHERE tenant = ? {more} LIMIT 1",  # noqa: S608 - our own
            values,
        ).fetchone()
        for more, values in (
            ("ORDER BY number", (tenant,)),
            ("AND time >= ? ORDER BY number", (tenant, before)),
            ("ORDER BY number DESC", (tenant,)),
        )
    ]
    first, young, last = (row["number"] if row else 0 for row in bounds)
    upto: int = young - 1 if young else last
    return upto if upto >= first else 0


def _not_whole(tenant: str, problem: str) -> Unavailable:
    return Unavailable(f"the audit of {tenant!r} is not whole, so nothing is cut off it: {problem}")
