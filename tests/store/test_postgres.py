"""The store in Postgres: a server that goes away, and others beside us."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest, Unavailable
from catnap.store import Component, Database, Store
from tests import postgres

NOTES = Component("notes", ("CREATE TABLE notes (id TEXT PRIMARY KEY, number INTEGER NOT NULL)",))
ADD = "INSERT INTO notes (id, number) VALUES (?, 0)"
ALL = "SELECT * FROM notes"


@pytest.fixture
def server() -> Iterator[postgres.Server]:
    """One that may be stopped."""
    if lacking := postgres.missing():
        pytest.skip(lacking)
    with postgres.running() as server:
        yield server


@pytest.fixture
def store(server: postgres.Server) -> Iterator[Store]:
    store = Store(server.uri(), [NOTES])
    yield store
    store.close()


def ids(db: Database) -> list[str]:
    return [row["id"] for row in db.execute("SELECT id FROM notes ORDER BY id")]


async def add(store: Store, id: str) -> None:  # noqa: A002
    await store.run(lambda db: db.execute(ADD, (id,)))


async def test_a_server_that_restarted_while_nobody_asked_is_not_noticed(
    server: postgres.Server, store: Store
) -> None:
    await add(store, "before")
    server.stop()
    server.start()
    await add(store, "after")
    assert await store.run(ids) == ["after", "before"]


async def test_while_the_server_is_away_work_is_refused_and_later_work_waits(
    server: postgres.Server, store: Store
) -> None:
    await add(store, "before")
    server.stop()
    store.later(lambda db: db.execute(ADD, ("noted",)))
    for _ in range(3):
        with pytest.raises(Unavailable, match="could not be written"):
            await add(store, "refused")
    server.start()
    assert await store.run(ids) == ["before", "noted"]


async def test_work_that_ends_the_connection_each_time_is_not_tried_for_ever(store: Store) -> None:
    began = []

    def work(db: Database) -> None:
        began.append(1)
        db.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    store.later(work)
    kept = ""
    while not kept:  # beside it nothing can be done
        try:
            await add(store, "after")
            [kept] = await store.run(ids)
        except Unavailable:
            continue
    assert 1 < len(began) < 10


async def test_a_crash_of_the_server_loses_and_doubles_nothing_that_was_answered(
    server: postgres.Server, store: Store
) -> None:
    answered: list[str] = []
    refused = asyncio.Event()

    async def write(writer: int) -> None:
        for number in range(10_000):
            name = f"{writer}-{number}"
            try:
                await add(store, name)
            except Unavailable:
                refused.set()
                return
            answered.append(name)

    writers = [asyncio.create_task(write(number)) for number in range(20)]
    while len(answered) < 500:
        await asyncio.sleep(0)
    server.stop(signal.SIGQUIT)
    await asyncio.gather(*writers)
    assert refused.is_set()
    server.start()
    kept = await store.run(ids)
    assert set(answered) <= set(kept)
    assert len(kept) - len(answered) <= 20, "each writer had at most one that was not answered"


async def test_work_that_another_gateway_is_in_the_way_of_is_done_again(
    server: postgres.Server, store: Store
) -> None:
    """Two gateways take two rows in opposite order: a deadlock, of which the
    server ends one side."""
    await add(store, "a")
    await add(store, "b")
    other = Store(server.uri(), [NOTES])
    meet = threading.Barrier(2)

    def raise_both(first: str, second: str, wait: list[bool]):
        def work(db: Database) -> None:
            raise_ = "UPDATE notes SET number = number + 1 WHERE id = ?"
            db.execute(raise_, (first,))
            if wait:  # only the first time
                wait.pop()
                meet.wait()
            db.execute(raise_, (second,))

        return work

    try:
        await asyncio.gather(
            store.run(raise_both("a", "b", [True])), other.run(raise_both("b", "a", [True]))
        )
        rows = await store.run(lambda db: db.execute("SELECT number FROM notes").fetchall())
        assert [row["number"] for row in rows] == [2, 2]
    finally:
        other.close()


async def test_text_with_a_nul_names_nothing_and_is_no_fault_of_ours(store: Store) -> None:
    await store.run(lambda db: db.execute("INSERT INTO notes (id, number) VALUES ('x', 1)"))
    with pytest.raises(InvalidRequest, match="NUL"):
        await store.run(lambda db: db.execute("SELECT * FROM notes WHERE id = ?", ("\0",)))
    found = await store.run(lambda db: db.execute("SELECT id FROM notes").fetchall())
    assert [row["id"] for row in found] == ["x"]


async def test_work_may_not_go_on_after_a_statement_of_it_failed(store: Store) -> None:
    """SQLite would: so it is told here, where it would be lost."""

    def work(db: Database) -> None:
        try:
            db.execute("INSERT INTO notes (id, number) VALUES ('x', NULL)")
        except Exception:
            return

    with pytest.raises(Exception, match="went on"):
        await store.run(work)
    await add(store, "after")
    assert await store.run(ids) == ["after"]


async def test_an_answer_means_that_it_is_on_disk_whatever_the_server_is_set_to(
    server: postgres.Server,
) -> None:
    server.query("ALTER DATABASE postgres SET synchronous_commit = off")
    store = Store(server.uri(), [NOTES])
    try:
        found = await store.run(lambda db: db.execute("SHOW synchronous_commit").fetchone()[0])
        assert found == "on"
    finally:
        store.close()


def test_a_place_where_nobody_answers_is_named_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(Unavailable, match="cannot be reached") as told:
        Store(f"postgresql://ann:hidden@/catnap?host={tmp_path}", [NOTES])
    assert str(tmp_path) in told.value.message
    assert "hidden" not in told.value.message


def test_a_place_that_is_no_uri_is_refused() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(InvalidRequest, match="no URI") as told:
        Store("postgresql://ann:hidden@[::1", [NOTES])
    assert "hidden" not in told.value.message


async def test_a_store_that_a_newer_gateway_has_brought_up_serves_the_older_one(
    server: postgres.Server, store: Store
) -> None:
    def all_of_it(db: Database) -> list[dict[str, object]]:
        return [{name: row[name] for name in ("id", "number")} for row in db.execute(ALL)]

    await add(store, "before")
    for _ in range(10):  # statements that come again and again are prepared
        assert len(await store.run(all_of_it)) == 1
    more = "ALTER TABLE notes ADD COLUMN more INTEGER NOT NULL DEFAULT 0"
    Store(server.uri(), [Component("notes", (*NOTES.steps, more))]).close()
    assert await store.run(all_of_it) == [{"id": "before", "number": 0}]
    await add(store, "after")
    assert len(await store.run(all_of_it)) == 2
