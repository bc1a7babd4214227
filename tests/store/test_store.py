"""What a store promises, in a file and in Postgres."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from catnap.errors import Conflict, InvalidRequest, Unavailable
from catnap.store import Component, Database, Store

NOTES = Component(
    "notes",
    (
        "CREATE TABLE notes (id TEXT PRIMARY KEY, number INTEGER, ratio REAL, content BLOB) "
        "STRICT, WITHOUT ROWID; CREATE INDEX notes_number ON notes (number)",
    ),
)
MORE = Component("notes", (*NOTES.steps, "ALTER TABLE notes ADD COLUMN more TEXT"))


@contextmanager
def opened(place: str, *components: Component) -> Iterator[Store]:
    store = Store(place, components or [NOTES])
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def store(lasting: str) -> Iterator[Store]:
    with opened(lasting) as store:
        yield store


def add(id: str, *values: Any) -> Callable[[Database], None]:  # noqa: A002
    padded = (*values, None, None, None)[:3]

    def work(db: Database) -> None:
        db.execute(
            "INSERT INTO notes (id, number, ratio, content) VALUES (?, ?, ?, ?)", (id, *padded)
        )

    return work


def ids(db: Database) -> list[str]:
    return [row["id"] for row in db.execute("SELECT id FROM notes ORDER BY id")]


async def test_values_read_back_as_they_were_written(store: Store) -> None:
    await store.run(add("ü?", True, 1 / 3, b"\x00\xff"))
    await store.run(add("large", 2**62, 1e300, b""))

    def read(db: Database) -> list[Any]:
        return db.execute("SELECT * FROM notes WHERE id <> '?' ORDER BY number").fetchall()

    first, second = await store.run(read)
    assert dict(first) == {"id": "ü?", "number": 1, "ratio": 1 / 3, "content": b"\x00\xff"}
    assert tuple(second) == ("large", 2**62, 1e300, b"")
    assert first["id"] == first[0]


async def test_text_is_sorted_by_its_code_points(store: Store) -> None:
    for id in ("a", "B", "_", "ä", "-"):  # noqa: A001
        await store.run(add(id))
    assert await store.run(ids) == sorted(("a", "B", "_", "ä", "-"))


async def test_a_work_that_fails_is_undone_and_no_other_with_it(store: Store) -> None:
    def failing(db: Database) -> None:
        add("half")(db)
        raise Conflict("no")

    answers = await asyncio.gather(
        store.run(add("one")), store.run(failing), store.run(add("two")), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [type(None), Conflict, type(None)]
    assert await store.run(ids) == ["one", "two"]


async def test_a_statement_that_fails_undoes_its_work_and_no_other(store: Store) -> None:
    answers = await asyncio.gather(
        *(store.run(add(id)) for id in ("one", "one", "two")),  # noqa: A001
        store.run(lambda db: db.execute("SELECT * FROM nothing")),
        return_exceptions=True,
    )
    assert [isinstance(answer, Exception) for answer in answers] == [False, True, False, True]
    assert await store.run(ids) == ["one", "two"]


async def test_works_that_come_together_share_commits(store: Store) -> None:
    before = store.count
    await asyncio.gather(*(store.run(add(str(number))) for number in range(500)))
    assert store.count - before < 50
    assert len(await store.run(ids)) == 500


async def test_work_for_later_is_done_in_order_with_what_is_asked_after_it(store: Store) -> None:
    for number in range(5):
        store.later(add(f"n{number}"))
    assert len(await store.run(ids)) == 5


async def test_a_close_does_what_was_asked_for_before(lasting: str) -> None:
    with opened(lasting) as store:
        store.later(add("last"))
    with opened(lasting) as store:
        assert await store.run(ids) == ["last"]


async def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(Unavailable, match="stopping"):
        await store.run(ids)


async def test_only_the_steps_that_are_new_are_taken(lasting: str) -> None:
    with opened(lasting) as store:
        await store.run(add("old"))
    for _ in range(2):
        with opened(lasting, MORE) as store:
            found = await store.run(lambda db: db.execute("SELECT * FROM notes").fetchone())
            assert (found["id"], found["more"]) == ("old", None)


async def test_what_a_newer_catnap_wrote_is_refused(lasting: str) -> None:
    with opened(lasting, MORE):
        pass
    with pytest.raises(InvalidRequest, match="notes is at version 2, this one knows 1"):
        Store(lasting, [NOTES])


async def test_of_a_step_that_fails_nothing_stays(lasting: str) -> None:
    broken = Component("notes", (*MORE.steps, "CREATE TABLE other (id TEXT); CREATE TABLE notes"))
    with pytest.raises(InvalidRequest, match="cannot be the store"):
        Store(lasting, [broken])
    with opened(lasting) as store:
        await store.run(add("first"))


async def test_gateways_that_start_at_once_migrate_once(lasting: str) -> None:
    found: list[Store | Exception] = []

    def start() -> None:
        try:
            found.append(Store(lasting, [MORE]))
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    for each in found:
        assert isinstance(each, Store), each
        each.close()
