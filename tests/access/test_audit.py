"""The audit: what was written stays, and whatever is done to it is noticed."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.access.audit import Audit
from catnap.access.audit_heads import Head
from catnap.access.audit_record import DIFFERENT, Entry, gathered, moment
from catnap.access.audit_rows import TABLES
from catnap.errors import Unavailable
from catnap.store import Store

KEY = b"k" * 32


def entry(detail: str = "", **values: str) -> Entry:
    given: dict[str, Any] = {"tenant": "acme", "kind": "action", "outcome": "ok", **values}
    return Entry(time=moment(1_700_000_000), action="platform.write", detail=detail, **given)


@asynccontextmanager
async def opened(home: Path, key: bytes = KEY) -> AsyncIterator[Audit]:
    store = Store(home / "catnap.db", [TABLES])
    audit = Audit(store, home / "audit", key)
    try:
        yield audit
    finally:
        await audit.close()
        store.close()


async def written(home: Path, count: int = 5, tenant: str = "acme", what: str = "change") -> None:
    async with opened(home) as audit:
        for number in range(1, count + 1):
            await audit.write(entry(f"{what} {number}", tenant=tenant))


def meddle(home: Path, sql: str, *values: object) -> None:
    """As somebody would who has the file but not the key."""
    with sqlite3.connect(home / "catnap.db", isolation_level=None) as db:
        assert db.execute(sql, values).rowcount
    db.close()


async def test_a_chain_goes_on_over_restarts_and_is_whole(tmp_path: Path) -> None:
    await written(tmp_path)
    await written(tmp_path)
    async with opened(tmp_path) as audit:
        verdict = await audit.verify("acme")
    assert (verdict.records, verdict.broken, verdict.problem) == (10, 0, "")


async def test_a_tenant_without_records_has_a_whole_chain(tmp_path: Path) -> None:
    async with opened(tmp_path) as audit:
        assert (await audit.verify("nobody")).problem == ""


def changed(home: Path) -> None:
    meddle(
        home,
        "UPDATE audit SET record = replace(record, 'change 3', 'change 9') WHERE number = 3",
    )


def rehashed(home: Path) -> None:
    """Changed with its own hash made good: the next one no longer follows."""
    changed(home)
    with sqlite3.connect(home / "catnap.db") as db:
        [(text,)] = db.execute("SELECT record FROM audit WHERE number = 3").fetchall()
    db.close()
    digest = hashlib.sha256(text.encode()).hexdigest()
    meddle(home, "UPDATE audit SET hash = ? WHERE number = 3", digest)


def removed(home: Path) -> None:
    meddle(home, "DELETE FROM audit WHERE number = 3")


def swapped(home: Path) -> None:
    meddle(home, "UPDATE audit SET number = -1 WHERE number = 3")
    meddle(home, "UPDATE audit SET number = 3 WHERE number = 4")
    meddle(home, "UPDATE audit SET number = 4 WHERE number = -1")


def moved_in_time(home: Path) -> None:
    meddle(home, "UPDATE audit SET time = '2001-01-01T00:00:00.000Z' WHERE number = 3")


def moved_to_another(home: Path) -> None:
    meddle(home, "UPDATE audit SET tenant = 'rival' WHERE number = 3")


@pytest.mark.parametrize(
    ("act", "first"),
    [
        (changed, 3),
        (rehashed, 4),
        (removed, 3),
        (swapped, 3),
        (moved_in_time, 3),
        (moved_to_another, 3),
    ],
)
async def test_the_first_record_that_is_not_as_it_was_is_named(
    tmp_path: Path, act: Callable[[Path], None], first: int
) -> None:
    await written(tmp_path)
    act(tmp_path)
    async with opened(tmp_path) as audit:
        verdict = await audit.verify("acme")
    assert verdict.broken == first, verdict.problem
    assert verdict.problem


def cut(home: Path) -> None:
    meddle(home, "DELETE FROM audit WHERE number > 3")


def cut_with_its_head(home: Path) -> None:
    """The head made to fit, as well as that goes without the key."""
    cut(home)
    meddle(
        home,
        "UPDATE audit_heads SET number = 3, "
        "hash = (SELECT hash FROM audit WHERE tenant = 'acme' AND number = 3)",
    )


def cut_without_a_head(home: Path) -> None:
    cut(home)
    meddle(home, "DELETE FROM audit_heads")


def emptied(home: Path) -> None:
    meddle(home, "DELETE FROM audit")
    meddle(home, "DELETE FROM audit_heads")


@pytest.mark.parametrize("act", [cut, cut_with_its_head, cut_without_a_head, emptied])
@pytest.mark.parametrize("goes_on", [False, True])
async def test_an_end_that_was_cut_off_is_missed_even_when_the_chain_goes_on(
    tmp_path: Path, act: Callable[[Path], None], goes_on: bool
) -> None:
    await written(tmp_path)
    act(tmp_path)
    if goes_on:
        await written(tmp_path, 7)
    async with opened(tmp_path) as audit:
        verdict = await audit.verify("acme")
    assert verdict.problem
    assert verdict.broken > 0


async def test_an_older_state_of_the_whole_database_is_noticed(tmp_path: Path) -> None:
    await written(tmp_path)
    before = (tmp_path / "catnap.db").read_bytes()
    await written(tmp_path)
    (tmp_path / "catnap.db").write_bytes(before)
    async with opened(tmp_path) as audit:
        verdict = await audit.verify("acme")
    assert "cut off" in verdict.problem
    assert verdict.broken == 6


async def test_a_head_kept_elsewhere_proves_what_no_file_here_can(tmp_path: Path) -> None:
    await written(tmp_path)
    async with opened(tmp_path) as audit:
        kept = await audit.verify("acme")
    emptied(tmp_path)
    (tmp_path / "audit" / "acme").unlink()
    await written(tmp_path, 9, what="another")
    async with opened(tmp_path) as audit:
        assert (await audit.verify("acme")).problem == ""
        verdict = await audit.verify("acme", Head("acme", kept.records, kept.head))
    assert verdict.broken == 5
    assert "replaced" in verdict.problem


async def test_a_head_that_another_key_signed_is_not_good(tmp_path: Path) -> None:
    await written(tmp_path)
    async with opened(tmp_path, b"x" * 32) as audit:
        assert "signature" in (await audit.verify("acme")).problem


async def test_one_tenants_chain_has_nothing_to_do_with_anothers(tmp_path: Path) -> None:
    await written(tmp_path)
    await written(tmp_path, 3, tenant="rival")
    cut(tmp_path)
    async with opened(tmp_path) as audit:
        assert (await audit.verify("rival")).problem == ""
        assert (await audit.verify("acme")).problem
        assert await audit.chains() == ["acme", "rival"]


async def test_a_crash_between_the_commit_and_the_heads_file_breaks_nothing(
    tmp_path: Path,
) -> None:
    await written(tmp_path)
    older = (tmp_path / "audit" / "acme").read_bytes()
    await written(tmp_path)
    (tmp_path / "audit" / "acme").write_bytes(older)
    await written(tmp_path)
    async with opened(tmp_path) as audit:
        verdict = await audit.verify("acme")
    assert (verdict.records, verdict.problem) == (15, "")


async def test_two_gateways_add_to_one_chain(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as other:
        for number in range(20):
            await (one, other)[number % 2].write(entry(f"{number}"))
        assert [(await each.verify("acme")).problem for each in (one, other)] == ["", ""]


async def test_what_nobody_waits_for_is_written_by_the_end(tmp_path: Path) -> None:
    async with opened(tmp_path) as audit:
        for number in range(1200):
            audit.later(entry(f"{number}", kind="call"))
    async with opened(tmp_path) as audit:
        verdict = await audit.verify("acme")
        assert (verdict.records, verdict.problem) == (1200, "")


async def test_what_comes_while_others_are_written_is_not_lost(tmp_path: Path) -> None:
    async with opened(tmp_path) as audit:
        audit.later(entry("first"))
        writing = asyncio.create_task(audit.flush())
        await asyncio.sleep(0)  # it has taken what there was
        audit.later(entry("second"))
        await writing
        await audit.flush()
        assert (await audit.verify("acme")).records == 2


async def test_what_waits_while_the_store_takes_none_is_kept(tmp_path: Path) -> None:
    class Sick(Store):
        ill = True

        async def run(self, work):  # type: ignore[no-untyped-def]
            if self.ill:
                raise Unavailable("the disk is full")
            return await super().run(work)

    store = Sick(tmp_path / "catnap.db", [TABLES])
    audit = Audit(store, tmp_path / "audit", KEY)
    audit.later(entry(kind="call"))
    with pytest.raises(Unavailable):
        await audit.flush()
    with pytest.raises(Unavailable):
        await audit.write(entry())
    store.ill = False
    await audit.close()
    store.close()
    async with opened(tmp_path) as audit:
        assert (await audit.verify("acme")).records == 1


def test_a_denial_that_is_met_again_and_again_is_one_record() -> None:
    denied = entry("no credential", kind="denial")
    other = entry("another", kind="denial")
    found = gathered([denied, other, denied, denied, entry("x"), entry("x")])
    assert [(each.detail, each.times) for each in found] == [
        ("no credential", 3),
        ("another", 1),
        ("x", 1),
        ("x", 1),
    ]


def test_who_knocks_at_a_thousand_doors_at_once_is_a_few_records() -> None:
    def knock(peer: str, door: int) -> Entry:
        return entry(
            "", kind="denial", outcome="Unauthenticated", peer=peer, request=f"GET /{door}"
        )

    found = gathered([knock(peer, door) for door in range(1000) for peer in ("here", "there")])
    for peer in ("here", "there"):
        of = [each for each in found if each.peer == peer]
        assert sum(each.times for each in of) == 1000
        assert [each.request for each in of] == [*(f"GET /{n}" for n in range(DIFFERENT)), ""]


async def test_an_export_can_be_checked_by_whoever_has_sha256(tmp_path: Path) -> None:
    await written(tmp_path)
    async with opened(tmp_path) as audit:
        lines = [line async for line in audit.export("acme")]
    *records, last = [msgspec.json.decode(line, type=dict[str, msgspec.Raw]) for line in lines]
    previous = "0" * 64
    for each in records:
        assert msgspec.json.decode(each["record"])["previous"] == previous
        previous = hashlib.sha256(bytes(each["record"])).hexdigest()
        assert msgspec.json.decode(each["hash"]) == previous
    assert msgspec.json.decode(last["head"])["hash"] == previous


async def test_a_change_that_its_caller_gave_up_waiting_for_breaks_nothing(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as audit:
        asking = asyncio.create_task(audit.write(entry("1")))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await audit.write(entry("2"))
        assert (await audit.verify("acme")).problem == ""
