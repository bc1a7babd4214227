"""Files as the surfaces use them: scopes, events, pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from catnap.errors import Conflict, InvalidRequest, NotFound, Unavailable
from catnap.events import Event, decode, to_binary
from catnap.files import Files, MemoryStore, Scope, to_file
from catnap.skills.files import File
from tests.files.test_scopes import HOSTILE

ALICE = Scope("acme", "alice")
EPOCH = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class Told:
    """What was emitted."""

    events: list[tuple[Event, Scope]] = field(default_factory=list)

    async def __call__(self, event: Event, scope: Scope) -> None:
        self.events.append((event, scope))

    def take(self) -> list[tuple[str, str | None]]:
        seen = [
            (event.type.removeprefix("catnap.file."), event.subject) for event, _ in self.events
        ]
        self.events.clear()
        return seen


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def files(told: Told) -> Files:
    ids = (f"id-{number}" for number in range(1000))
    ticks = (EPOCH + timedelta(seconds=number) for number in range(1000))
    now = lambda: next(ticks)  # noqa: E731
    return Files(MemoryStore(now), told, new_id=lambda: next(ids), now=now)


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(files: Files, scope: Scope, key: str) -> bytes:
    _, content = await files.get(scope, key)
    return b"".join([chunk async for chunk in content])


async def test_keys_are_relative_to_the_scope(files: Files) -> None:
    written = await files.put(ALICE, "notes/a.txt", stream(b"hello"))
    assert written.stat.key == "notes/a.txt"
    assert (await files.stat(ALICE, "notes/a.txt")) == written.stat
    stat, _ = await files.get(ALICE, "notes/a.txt")
    assert stat == written.stat
    assert (await files.list(ALICE)).files == [written.stat]
    assert await read(files, ALICE, "notes/a.txt") == b"hello"


async def test_scopes_see_nothing_of_each_other(files: Files) -> None:
    scopes = [
        ALICE,
        Scope("acme", "alice", session="s"),
        Scope("acme", "alice", task="s"),
        Scope("acme", "bob"),
        Scope("other", "alice"),
        Scope("acme", "alice/files"),
        Scope("acme", "..", session="alice"),
    ]
    for number, scope in enumerate(scopes):
        await files.put(scope, "a", stream(b"%d" % number))
        await files.put(scope, f"only/{number}", stream(b"x"))
    for number, scope in enumerate(scopes):
        assert await read(files, scope, "a") == b"%d" % number
        assert [stat.key for stat in (await files.list(scope)).files] == ["a", f"only/{number}"]
        with pytest.raises(NotFound, match="only/none"):
            await files.get(scope, "only/none")
    await files.delete(scopes[0], "a")
    for scope in scopes[1:]:
        assert await files.stat(scope, "a")


async def test_no_hostile_key_reaches_the_store(files: Files, told: Told) -> None:
    for key in HOSTILE:
        for call in (
            files.put(ALICE, key, stream(b"x")),
            files.get(ALICE, key),
            files.stat(ALICE, key),
            files.delete(ALICE, key),
        ):
            with pytest.raises(InvalidRequest, match="file key"):
                await call
    assert (await files.list(ALICE)).files == []
    assert told.take() == []


async def test_each_put_and_delete_is_told_once(files: Files, told: Told) -> None:
    await files.put(ALICE, "a", stream(b"1"))
    assert told.take() == [("created", "a")]
    await files.put(ALICE, "a", stream(b"2"))
    assert told.take() == [("updated", "a")]
    with pytest.raises(Conflict, match=r"^'a' already exists"):
        await files.put(ALICE, "a", stream(b"3"), if_none_match="*")
    assert told.take() == []
    await files.delete(ALICE, "a")
    assert told.take() == [("deleted", "a")]
    with pytest.raises(NotFound, match="user 'alice' has no file 'a'"):
        await files.delete(ALICE, "a")
    assert told.take() == []


async def test_a_put_again_makes_up_for_an_event_that_was_not_accepted(told: Told) -> None:
    journal_is_down = True

    async def emit(event: Event, scope: Scope) -> None:
        if journal_is_down:
            raise Unavailable("the journal cannot be written")
        await told(event, scope)

    files = Files(MemoryStore(), emit)
    with pytest.raises(Unavailable):
        await files.put(ALICE, "a", stream(b"1"))
    journal_is_down = False
    stat = (await files.put(ALICE, "a", stream(b"1"))).stat
    await files.put(ALICE, "a", stream(b"1"))
    datas = [event.data for event, _ in told.events]
    assert told.take() == [("updated", "a")] * 2
    etags = [msgspec.json.decode(data or b"", type=File).etag for data in datas]
    assert etags == [stat.etag] * 2, "whoever heard of it already can tell"


async def test_an_event_says_what_happened_to_whose_file(files: Files, told: Told) -> None:
    session = Scope("acme", "alice", session="s/1")
    written = await files.put(session, "e\N{COMBINING ACUTE ACCENT}.md", stream(b"hello"))
    await files.put(Scope("acme", "alice", task="t1"), "b", stream(b""))
    await files.delete(session, "é.md")
    (made, scope), (task, _), (gone, _) = told.events
    assert scope == session
    assert (made.id, made.source, made.subject) == ("id-0", "/files/session", "é.md")
    assert made.time == "2026-01-02T03:04:05Z"
    assert dict(made.extensions) == {"tenantid": "acme", "userid": "alice", "sessionid": "s/1"}
    assert (task.source, task.extensions["taskid"]) == ("/files/task", "t1")
    assert made.data is not None
    assert gone.data == made.data
    file = msgspec.json.decode(made.data, type=File)
    assert file == to_file(written.stat)
    assert file == File("é.md", 5, written.stat.etag, "text/markdown", "2026-01-02T03:04:05Z")
    for event, _ in told.events:
        headers, body = to_binary(event)
        assert decode(dict(headers), body) == event


async def test_an_etag_may_come_as_http_writes_it(files: Files) -> None:
    etag = (await files.put(ALICE, "a", stream(b"1"))).stat.etag
    etag = (await files.put(ALICE, "a", stream(b"2"), if_match=f'"{etag}"')).stat.etag
    await files.put(ALICE, "a", stream(b"3"), if_match=etag)
    with pytest.raises(Conflict):
        await files.delete(ALICE, "a", if_match=f'"{etag}"')


async def test_pages_follow_each_other(files: Files) -> None:
    names = [f"a/{number:02}" for number in range(10)] + ["b"]
    for name in names:
        await files.put(ALICE, name, stream(b""))
    await files.put(Scope("acme", "alice", session="s"), "a/99", stream(b""))
    seen, token, pages = [], "", 0
    while True:
        page = await files.list(ALICE, "a/", page_size=4, page_token=token)
        seen += [stat.key for stat in page.files]
        pages, token = pages + 1, page.next
        if not token:
            break
    assert seen == names[:-1]
    assert pages == 3
    exact = await files.list(ALICE, page_size=11)
    assert (len(exact.files), exact.next) == (11, "")


@pytest.mark.parametrize("token", ["x", "%%%", "Li4vLi4", "é", "AA==", "a" * 5000])
async def test_a_made_up_page_token_is_refused(files: Files, token: str) -> None:
    with pytest.raises(InvalidRequest, match="page_token"):
        await files.list(ALICE, page_token=token)


async def test_a_page_has_bounds(files: Files) -> None:
    with pytest.raises(InvalidRequest, match="page_size -1"):
        await files.list(ALICE, page_size=-1)
    assert (await files.list(ALICE, page_size=10**9)).files == []


async def test_a_caller_that_leaves_early_changes_nothing(files: Files, told: Told) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        begun.set()
        yield b"x"
        await asyncio.Event().wait()

    task = asyncio.create_task(files.put(ALICE, "a", endless()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await files.settle()
    assert (await files.list(ALICE)).files == []
    assert told.take() == []


async def test_a_caller_that_leaves_late_parts_no_change_from_its_event(told: Told) -> None:
    at_store, go_on = asyncio.Event(), asyncio.Event()

    class Slow(MemoryStore):
        async def put(self, key, body, **kind):  # type: ignore[no-untyped-def]
            content = [chunk async for chunk in body]
            at_store.set()
            await go_on.wait()
            return await super().put(key, stream(*content), **kind)

    files = Files(Slow(), told)
    task = asyncio.create_task(files.put(ALICE, "a", stream(b"x")))
    await at_store.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    go_on.set()
    await files.settle()
    assert told.take() == [("created", "a")]
    assert await read(files, ALICE, "a") == b"x"


async def test_a_body_that_fails_is_the_callers_error(files: Files, told: Told) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x"
        raise Unavailable("the sender left")

    with pytest.raises(Unavailable, match="the sender left"):
        await files.put(ALICE, "a", broken())
    assert told.take() == []


@pytest.mark.parametrize(
    ("key", "want"),
    [
        ("a.txt", "text/plain"),
        ("A.TXT", "text/plain"),
        ("a.md", "text/markdown"),
        ("a.html", "text/html"),
        ("a.pdf", "application/pdf"),
        ("a.csv", "text/csv"),
        ("a.json", "application/json"),
        ("a.parquet", "application/vnd.apache.parquet"),
        ("a.tar.gz", "application/gzip"),
        ("x.txt/a", "application/octet-stream"),
        ("a", "application/octet-stream"),
        (".txt", "application/octet-stream"),
        ("a.", "application/octet-stream"),
        ("data:text/html,a", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
    ],
)
async def test_the_content_type_is_by_the_ending(files: Files, key: str, want: str) -> None:
    assert (await files.put(ALICE, key, stream(b""))).stat.content_type == want


async def test_a_given_content_type_is_kept_if_it_is_one(files: Files) -> None:
    written = await files.put(ALICE, "a", stream(b""), content_type="text/plain; charset=utf-8")
    assert written.stat.content_type == "text/plain; charset=utf-8"
    for wrong in ("text", "text/", "a b/c", "a/b\r\nX: y", "a/b; é", "text/" + "x" * 300, "é/b"):
        with pytest.raises(InvalidRequest, match="content type"):
            await files.put(ALICE, "a", stream(b""), content_type=wrong)
