"""The audit is cut where it is old, and what is left can be checked as before."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from catnap.access.audit import Audit
from catnap.access.audit_cut_rows import STEP
from catnap.access.audit_export import check
from catnap.access.audit_heads import Head
from catnap.access.audit_record import Entry, moment
from catnap.access.audit_retention import Retention
from catnap.errors import InvalidRequest
from tests.access.test_audit import meddle, opened

NOW = 1_700_000_000.0
DAY = 86_400.0


async def aged(audit: Audit, *days: float, tenant: str = "acme") -> None:
    """Records of so many days ago."""
    for each in days:
        made = Entry(
            tenant=tenant, time=moment(NOW - each * DAY), kind="action", outcome="ok", action="x"
        )
        audit.later(made)
    await audit.flush()


def retention(audit: Audit, days: float = 30) -> Retention:
    return Retention(audit, days * DAY, lambda: NOW)


@asynccontextmanager
async def cut(home: Path) -> AsyncIterator[Audit]:
    """Of five records three are left, and the one that says so."""
    async with opened(home) as audit:
        await aged(audit, 50, 40, 20, 10, 1)
        assert await retention(audit).cut() == 2
        yield audit


async def test_what_is_older_goes_and_what_is_left_is_whole_from_there(tmp_path: Path) -> None:
    async with cut(tmp_path) as audit:
        verdict = await audit.verify("acme")
        assert (verdict.problem, verdict.cut, verdict.records, verdict.number) == ("", 2, 4, 6)
        assert verdict.until == moment(NOW - 40 * DAY)
        found = await audit.newest(["acme"], [], "", ("9999", "", 0))
        said = found[0].link.read()
        assert (said.action, said.kind, said.detail) == (
            "audit.cut",
            "action",
            f"up to record 2, older than {moment(NOW - 30 * DAY)}",
        )
        assert await retention(audit).cut() == 0
        await aged(audit, 0)
        assert await retention(audit, 15).cut() == 1
    async with opened(tmp_path) as audit:
        verdict = await audit.verify("acme")
        assert (verdict.problem, verdict.cut, verdict.records) == ("", 3, 5)


async def test_a_chain_of_which_all_is_old_goes_on_from_what_says_so(tmp_path: Path) -> None:
    async with opened(tmp_path) as audit:
        await aged(audit, *[90.0] * (2 * STEP + 1))
        assert await retention(audit).cut() == 2 * STEP + 1
        await aged(audit, 0)
        verdict = await audit.verify("acme")
        assert (verdict.problem, verdict.records) == ("", 2)


async def test_a_young_record_keeps_those_behind_it_whatever_their_times(tmp_path: Path) -> None:
    async with opened(tmp_path) as audit:
        await aged(audit, 50, 10, 50)
        assert await retention(audit).cut() == 1
        assert (await audit.verify("acme")).problem == ""


async def test_each_chain_is_cut_by_itself(tmp_path: Path) -> None:
    async with opened(tmp_path) as audit:
        await aged(audit, 50, 1, tenant="acme")
        await aged(audit, 20, 1, tenant="rival")
        await aged(audit, 50, tenant="")
        assert await retention(audit).cut() == 2
        assert [(await audit.verify(each)).cut for each in ("acme", "rival", "")] == [1, 0, 1]


def beginning_removed(home: Path) -> None:
    meddle(home, "DELETE FROM audit WHERE number <= 3")


def cut_forgotten(home: Path) -> None:
    meddle(home, "DELETE FROM audit_cuts")


def cut_moved(home: Path) -> None:
    """As well as that goes without the key."""
    meddle(
        home,
        "UPDATE audit_cuts SET number = 3, hash = (SELECT hash FROM audit WHERE number = 3)",
    )
    beginning_removed(home)


def cut_backdated(home: Path) -> None:
    meddle(home, "UPDATE audit_cuts SET until = '2001-01-01T00:00:00.000Z'")


def cut_of_another(home: Path) -> None:
    meddle(home, "UPDATE audit_cuts SET tenant = 'rival'")


@pytest.mark.parametrize(
    "act", [beginning_removed, cut_forgotten, cut_moved, cut_backdated, cut_of_another]
)
async def test_a_beginning_that_somebody_else_cut_off_is_noticed(
    tmp_path: Path, act: Callable[[Path], None]
) -> None:
    async with cut(tmp_path):
        pass
    act(tmp_path)
    async with opened(tmp_path) as audit:
        assert (await audit.verify("acme")).problem


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET record = replace(record, '\"x\"', '\"y\"') WHERE number = 1",
        "UPDATE audit SET time = '2001-01-01T00:00:00.000Z' WHERE number = 3",
        "DELETE FROM audit WHERE number = 1",
        "DELETE FROM audit WHERE number = 5",
    ],
)
async def test_what_was_meddled_with_is_not_cut_off_and_so_stays_to_be_seen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sql: str
) -> None:
    async with opened(tmp_path) as audit:
        await aged(audit, 50, 40, 20, 10, 1)
    meddle(tmp_path, sql)
    async with opened(tmp_path) as audit:
        with caplog.at_level(logging.ERROR):
            assert await retention(audit).cut() == 0
        assert "nothing is cut off" in caplog.text
        verdict = await audit.verify("acme")
        assert (bool(verdict.problem), verdict.cut) == (True, 0)
        assert not [
            each
            for each in await audit.newest(["acme"], [], "", ("9999", "", 0))
            if b"audit.cut" in each.link.record
        ]


async def test_a_head_that_was_kept_is_looked_for_where_it_can_still_be(tmp_path: Path) -> None:
    async with opened(tmp_path) as audit:
        await aged(audit, 50, 40)
        old = await audit.verify("acme")
        await aged(audit, 20)
        young = await audit.verify("acme")
        await aged(audit, 19)
        assert await retention(audit).cut() == 2
        at_cut = Head("acme", old.number, old.head)
        assert (await audit.verify("acme", at_cut)).problem == ""
        assert (await audit.verify("acme", Head("acme", young.number, young.head))).problem == ""
        forged = Head("acme", old.number, "0" * 64)
        assert "replaced" in (await audit.verify("acme", forged)).problem
        with pytest.raises(InvalidRequest, match="record 1 was cut off"):
            await audit.verify("acme", Head("acme", 1, "0" * 64))


async def test_an_older_head_in_its_file_is_not_missed_once_it_was_cut_off(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as audit:
        await aged(audit, 50)
        older = (tmp_path / "audit" / "acme").read_bytes()
        await aged(audit, 40, 20)
        await retention(audit).cut()
    (tmp_path / "audit" / "acme").write_bytes(older)
    async with opened(tmp_path) as audit:
        assert (await audit.verify("acme")).problem == ""
        await aged(audit, 0)
        assert (await audit.verify("acme")).problem == ""


async def test_an_export_begins_where_the_chain_does_and_is_checked_by_itself(
    tmp_path: Path,
) -> None:
    async with cut(tmp_path) as audit:
        lines = [line async for line in audit.export("acme")]
        whole = await audit.verify("acme")
    assert check(lines) == whole
    assert "cut" in msgspec.json.decode(lines[0])
    assert check(lines[1:]).problem
    assert check([lines[0], *lines[2:]]).problem
    assert check(lines[:-1]).problem
    with pytest.raises(InvalidRequest, match="a cut comes first"):
        check([lines[1], lines[0]])


async def test_two_gateways_cut_a_chain_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as other:
        await aged(one, 50, 40, 1)
        assert [await retention(one).cut(), await retention(other).cut()] == [2, 0]
        for each in (one, other):
            await aged(each, 0)
            assert (await each.verify("acme")).problem == ""


async def test_another_key_cuts_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as audit:
        await aged(audit, 50, 1)
    async with opened(tmp_path, b"x" * 32) as audit:
        assert await retention(audit).cut() == 0
    async with opened(tmp_path) as audit:
        assert (await audit.verify("acme")).problem == ""
