"""Secrets of skills at rest: nobody reads them there, and none is another's."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from catnap.access.secret_rows import TABLES
from catnap.access.secrets import MAX_BYTES, Secrets
from catnap.errors import InvalidRequest, NotFound, Unavailable
from catnap.store import Store

VALUE = b"hunter2-c0ffee"


@asynccontextmanager
async def opened(home: Path) -> AsyncIterator[Secrets]:
    store = Store(home / "catnap.db", [TABLES])
    yield Secrets(store, home, clock=lambda: 1_700_000_000.0)
    store.close()


def meddle(home: Path, sql: str) -> None:
    with sqlite3.connect(home / "catnap.db", isolation_level=None) as db:
        assert db.execute(sql).rowcount
    db.close()


async def test_a_secret_is_there_after_a_restart_and_only_where_it_belongs(tmp_path: Path) -> None:
    async with opened(tmp_path) as secrets:
        await secrets.set("acme", "search", "api-key", b"old", "key boss")
        await secrets.set("acme", "search", "api-key", VALUE, "key boss")
    async with opened(tmp_path) as secrets:
        assert await secrets.of("acme", "search", ["api-key", "other"]) == {
            "api-key": VALUE.decode()
        }
        assert await secrets.of("acme", "search", ["other"]) == {}
        assert await secrets.of("acme", "other", ["api-key"]) == {}
        assert await secrets.of("rival", "search", ["api-key"]) == {}
        [kept] = await secrets.list("acme")
        assert (kept.skill, kept.name, kept.author) == ("search", "api-key", "key boss")
        assert await secrets.list("rival") == []
        await secrets.remove("acme", "search", "api-key")
        with pytest.raises(NotFound):
            await secrets.remove("acme", "search", "api-key")
        assert await secrets.list("acme") == []


async def test_no_file_of_the_state_holds_a_value_and_the_key_is_the_owners(tmp_path: Path) -> None:
    async with opened(tmp_path) as secrets:
        await secrets.set("acme", "search", "api-key", VALUE, "key boss")
        for file in tmp_path.iterdir():
            assert VALUE not in file.read_bytes(), file
    assert (tmp_path / "secrets.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("column", ["tenant", "skill", "name"])
async def test_a_row_that_is_moved_does_not_open(tmp_path: Path, column: str) -> None:
    async with opened(tmp_path) as secrets:
        await secrets.set("a", "b", "c", VALUE, "key boss")
    meddle(tmp_path, f"UPDATE secrets SET {column} = 'x'")
    where = {"tenant": "a", "skill": "b", "name": "c"} | {column: "x"}
    async with opened(tmp_path) as secrets:
        with pytest.raises(Unavailable, match="cannot be opened"):
            await secrets.of(where["tenant"], where["skill"], [where["name"]])


async def test_another_key_opens_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as secrets:
        await secrets.set("a", "b", "c", VALUE, "key boss")
    (tmp_path / "secrets.key").unlink()
    async with opened(tmp_path) as secrets:
        with pytest.raises(Unavailable, match="set it again"):
            await secrets.of("a", "b", ["c"])


@pytest.mark.parametrize("value", [b"", b"x" * (MAX_BYTES + 1), b"\xff", b"a\0b"])
async def test_what_is_no_text_of_a_reasonable_length_is_refused(
    tmp_path: Path, value: bytes
) -> None:
    async with opened(tmp_path) as secrets:
        with pytest.raises(InvalidRequest):
            await secrets.set("a", "b", "c", value, "key boss")
