"""The audit of gateways that share a store: one chain, whole at every moment."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from catnap.access.audit import Audit
from catnap.access.audit_record import Entry, moment
from catnap.access.audit_rows import TABLES
from catnap.store import Store

KEY = b"k" * 32


def entry(detail: str) -> Entry:
    return Entry(
        tenant="acme",
        time=moment(1_700_000_000),
        kind="action",
        outcome="ok",
        action="platform.write",
        detail=detail,
    )


async def test_a_chain_that_several_write_is_whole_whenever_it_is_looked_at(
    shared: str, tmp_path: Path
) -> None:
    stores = [Store(shared, [TABLES]) for _ in range(3)]
    try:
        *writers, reader = (Audit(each, tmp_path / str(n), KEY) for n, each in enumerate(stores))
        writing = [
            asyncio.gather(*(audit.write(entry(f"{n} {each}")) for each in range(100)))
            for n, audit in enumerate(writers)
        ]
        problems = set()
        while not all(each.done() for each in writing):
            problems.add((await reader.verify("acme")).problem)
        await asyncio.gather(*writing)
        verdict = await reader.verify("acme")
        assert (verdict.records, verdict.problem, problems) == (200, "", {""})
    finally:
        for store in stores:
            store.close()


async def test_several_cut_a_chain_once_while_it_is_written(shared: str, tmp_path: Path) -> None:
    stores = [Store(shared, [TABLES]) for _ in range(3)]
    old, new = moment(1_600_000_000), moment(1_700_000_000)
    try:
        one, other, writer = (Audit(each, tmp_path / str(n), KEY) for n, each in enumerate(stores))
        for number in range(20):
            await writer.write(msgspec.structs.replace(entry(f"{number}"), time=old))
        removed = await asyncio.gather(
            one.cut("acme", new, new),
            other.cut("acme", new, new),
            *(writer.write(entry(f"new {number}")) for number in range(20)),
        )
        verdict = await one.verify("acme")
        assert (verdict.problem, verdict.cut) == ("", 20)
        assert sum(each for each in removed if each) == 20
    finally:
        for store in stores:
            store.close()
