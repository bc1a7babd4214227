"""The audit on each side of the store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import IO

import pytest

from catnap.access.audit import Audit
from catnap.access.audit_record import Entry, moment
from catnap.access.audit_rows import TABLES
from catnap.access.secret_rows import TABLES as SECRETS
from catnap.access.secrets import Secrets
from catnap.store import Store

WRITER = Path(__file__).with_name("audit_writer.py")
KILLS = 6
LAST = ("9999", "", 0)


def entry(tenant: str, detail: str, at: float = 0.0) -> Entry:
    when = moment(1_700_000_000 + at)
    return Entry(tenant=tenant, time=when, kind="action", outcome="ok", detail=detail)


@asynccontextmanager
async def opened(place: str, folder: Path) -> AsyncIterator[Audit]:
    store = Store(place, [TABLES])
    audit = Audit(store, folder, b"k" * 32)
    yield audit
    await audit.close()
    store.close()


@contextmanager
def writing(place: str, folder: Path, name: str) -> Iterator[IO[bytes]]:
    """A process that is killed at the end."""
    command = [sys.executable, str(WRITER), place, str(folder), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.stdout
        process.kill()


async def test_whoever_is_killed_leaves_a_whole_chain_with_all_that_was_acknowledged(
    lasting: str, tmp_path: Path
) -> None:
    acknowledged: list[str] = []
    for kill in range(KILLS):
        with writing(lasting, tmp_path / "heads", f"w{kill}") as told:
            numbers = [told.readline().decode().strip() for _ in range(3 + 7 * kill)]
        acknowledged += [f"w{kill} {number}" for number in numbers]
    async with opened(lasting, tmp_path / "heads") as audit:
        verdict = await audit.verify("acme")
        assert verdict.problem == ""
        kept = [line async for line in audit.export("acme")]
    actions = b"".join(line for line in kept if b'"kind":"action"' in line)
    for detail in acknowledged:
        assert f'"detail":"{detail}"'.encode() in actions


async def test_several_gateways_keep_one_chain_whole_each_with_heads_of_its_own(
    lasting: str, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in "ab"]
    with (
        writing(lasting, folders[0], "a") as one,
        writing(lasting, folders[1], "b") as other,
    ):
        for told in (one, other) * 40:
            assert told.readline()
    for folder in folders:
        async with opened(lasting, folder) as audit:
            verdict = await audit.verify("acme")
            assert verdict.problem == ""
            assert verdict.records >= 80


async def test_records_are_found_newest_first_across_chains_page_by_page(
    lasting: str, tmp_path: Path
) -> None:
    async with opened(lasting, tmp_path) as audit:
        for at, tenant in enumerate(("acme", "rival", "", "acme")):
            await audit.write(entry(tenant, f"{at}", at))
        everything = await audit.newest(None, [], "", LAST)
        assert [row.link.read().detail for row in everything] == ["3", "2", "1", "0"]
        two = everything[1]
        before = (two.time, two.tenant, two.link.number)
        assert len(await audit.newest(None, [], "", before)) == 2
        assert len(await audit.newest(["acme"], ["action"], "", LAST)) == 2
        assert await audit.newest(["acme"], ["denial"], "", LAST) == []
        assert len(await audit.newest(None, [], everything[0].time, LAST)) == 1
        assert await audit.chains() == ["", "acme", "rival"]


async def test_what_was_cut_off_is_missed(lasting: str, tmp_path: Path) -> None:
    async with opened(lasting, tmp_path) as audit:
        for number in range(5):
            await audit.write(entry("acme", f"{number}"))
    store = Store(lasting, [TABLES])
    await store.run(lambda db: db.execute("DELETE FROM audit WHERE number > 3"))
    store.close()
    async with opened(lasting, tmp_path) as audit:
        assert (await audit.verify("acme")).broken == 4
        await audit.write(entry("acme", "later"))
        assert (await audit.verify("acme")).problem


@pytest.mark.parametrize("value", ["plain", "with\nlines and ünïcode"])
async def test_a_secret_is_kept_and_replaced(lasting: str, tmp_path: Path, value: str) -> None:
    store = Store(lasting, [SECRETS])
    secrets = Secrets(store, tmp_path)
    await secrets.set("acme", "search", "api-key", b"before", "key boss")
    await secrets.set("acme", "search", "api-key", value.encode(), "key boss")
    assert await secrets.of("acme", "search", ["api-key"]) == {"api-key": value}
    assert [kept.name for kept in await secrets.list("acme")] == ["api-key"]
    await secrets.remove("acme", "search", "api-key")
    assert await secrets.list("acme") == []
    store.close()
