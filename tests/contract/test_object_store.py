"""What every side of the ObjectStore port promises."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from catnap.errors import Conflict, InvalidRequest, NotFound
from catnap.files import Condition, FolderStore, MemoryStore, ObjectStore, s3_upload
from catnap.files.bucket import Bucket
from catnap.files.s3 import S3Store
from catnap.files.s3_calls import Calls
from catnap.files.spans import Span
from catnap.http import Client, Target
from catnap.http.errors import RangeNotSatisfiable
from tests.contract import versitygw

TYPE = "text/plain"
_roots = itertools.count()


@dataclass(frozen=True)
class Side:
    """A store, and a prefix of its own for the test."""

    name: str
    store: ObjectStore
    root: str


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucket]:
    program = versitygw.find()
    if program is None:
        pytest.skip(versitygw.HOW)
    with versitygw.running(program, tmp_path_factory.mktemp("s3")) as bucket:
        yield bucket


@pytest.fixture(params=["memory", "folder", "s3"])
def side(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Side]:
    root = f"t{next(_roots)}/"
    if request.param == "memory":
        yield Side("memory", MemoryStore(), root)
    elif request.param == "folder":
        folder = FolderStore(tmp_path / "files")
        yield Side("folder", folder, root)
        folder.close()
    else:
        s3 = S3Store(request.getfixturevalue("bucket"))
        yield Side("s3", s3, root)
        s3.close()


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def put(side: Side, key: str, content: bytes = b"content", **condition: str):
    return await side.store.put(
        side.root + key, stream(content), content_type=TYPE, condition=Condition(**condition)
    )


async def read(side: Side, key: str) -> bytes:
    _, content = await side.store.get(side.root + key)
    return b"".join([chunk async for chunk in content])


async def keys(side: Side, prefix: str = "", **page) -> list[str]:
    if "after" in page:
        page["after"] = side.root + page["after"]
    found = await side.store.list(side.root + prefix, **page)
    return [stat.key.removeprefix(side.root) for stat in found]


async def test_what_is_put_is_got(side: Side) -> None:
    written = await put(side, "notes/a.txt", b"hello")
    stat, content = await side.store.get(side.root + "notes/a.txt")
    assert [chunk async for chunk in content] == [b"hello"]
    assert stat == written.stat == await side.store.stat(side.root + "notes/a.txt")
    assert (stat.key, stat.size, stat.content_type) == (side.root + "notes/a.txt", 5, TYPE)
    assert stat.etag
    assert not set(stat.etag) & set('"/, ')
    assert stat.modified.tzinfo is UTC
    assert abs(datetime.now(UTC) - stat.modified) < timedelta(minutes=2)


async def test_an_object_that_is_not_there(side: Side) -> None:
    assert await side.store.stat(side.root + "none") is None
    assert await side.store.delete(side.root + "none") is None
    assert await keys(side) == []
    with pytest.raises(NotFound, match="none"):
        await side.store.get(side.root + "none")


async def test_an_empty_object_is_an_object(side: Side) -> None:
    for body in (stream(), stream(b""), stream(b"", b"")):
        written = await side.store.put(side.root + "empty", body, content_type=TYPE)
        assert written.stat.size == 0
        assert await read(side, "empty") == b""


async def test_writing_again_replaces_and_says_whether_it_was_new(side: Side) -> None:
    first = await put(side, "a", b"one")
    same = await put(side, "a", b"one")
    other = await put(side, "a", b"two!")
    assert (first.created, same.created, other.created) == (True, False, False)
    assert first.stat.etag == same.stat.etag != other.stat.etag
    assert await read(side, "a") == b"two!"
    assert await keys(side) == ["a"]


async def test_a_reader_keeps_the_version_that_it_began_with(side: Side) -> None:
    block = bytes(range(256)) * 4096
    await side.store.put(side.root + "a", stream(*[block] * 8), content_type=TYPE)
    stat, content = await side.store.get(side.root + "a")
    got = [await anext(content)]
    await put(side, "a", b"new")
    await side.store.delete(side.root + "a")
    got += [chunk async for chunk in content]
    assert b"".join(got) == block * 8
    assert stat.size == len(block) * 8


@pytest.mark.parametrize(
    ("span", "want"),
    [
        (Span(), b"0123456789"),
        (Span(0, 1), b"0"),
        (Span(3, 4), b"3456"),
        (Span(9), b"9"),
        (Span(4, 10**18), b"456789"),
        (Span(-3), b"789"),
        (Span(-99), b"0123456789"),
    ],
)
async def test_a_span_of_an_object_is_read(side: Side, span: Span, want: bytes) -> None:
    written = await put(side, "a", b"0123456789")
    stat, content = await side.store.get(side.root + "a", span)
    assert b"".join([chunk async for chunk in content]) == want
    assert stat == written.stat


async def test_a_span_past_the_end_is_refused_with_the_size(side: Side) -> None:
    await put(side, "a", b"0123456789")
    for span in (Span(10), Span(10, 1), Span(2**62)):
        with pytest.raises(RangeNotSatisfiable, match="10 bytes") as refused:
            await side.store.get(side.root + "a", span)
        assert refused.value.headers == ((b"content-range", b"bytes */10"),)
    with pytest.raises(NotFound):
        await side.store.get(side.root + "none", Span(1))


async def test_an_empty_object_has_one_span(side: Side) -> None:
    await put(side, "a", b"")
    for span in (Span(), Span(0, 5), Span(-5)):
        stat, content = await side.store.get(side.root + "a", span)
        assert stat.size == 0
        assert [chunk async for chunk in content] == []
    with pytest.raises(RangeNotSatisfiable):
        await side.store.get(side.root + "a", Span(1))


async def test_a_version_can_be_read_or_conflicts(side: Side) -> None:
    one = (await put(side, "a", b"one")).stat.etag
    _, content = await side.store.get(side.root + "a", Span(1), if_match=one)
    assert b"".join([chunk async for chunk in content]) == b"ne"
    await put(side, "a", b"two")
    with pytest.raises(Conflict):
        await side.store.get(side.root + "a", if_match=one)


async def test_a_large_body_streams_in_and_out(side: Side) -> None:
    """More than two parts of S3, cut at odd places."""
    chunk = hashlib.sha256(b"seed").digest() * 9973
    chunks = [chunk] * 60
    want = hashlib.sha256(b"".join(chunks)).hexdigest()
    written = await side.store.put(side.root + "big", stream(*chunks), content_type=TYPE)
    assert written.stat.size == len(chunk) * 60
    _, content = await side.store.get(side.root + "big")
    got, largest = hashlib.sha256(), 0
    async for each in content:
        got.update(each)
        largest = max(largest, len(each))
    assert got.hexdigest() == want
    assert largest <= 1024 * 1024 or side.name == "memory"
    again = await side.store.put(side.root + "big", stream(*chunks), content_type=TYPE)
    assert again.stat.etag == written.stat.etag


async def test_a_body_that_fails_leaves_what_was_there(side: Side) -> None:
    async def broken(size: int) -> AsyncIterator[bytes]:
        yield b"x" * size
        raise ConnectionResetError("the sender left")

    await put(side, "a", b"old")
    for size in (1, 20_000_000):
        for key in ("a", "b"):
            with pytest.raises(ConnectionResetError, match="the sender left"):
                await side.store.put(side.root + key, broken(size), content_type=TYPE)
    assert await keys(side) == ["a"]
    assert await read(side, "a") == b"old"


async def test_a_writer_that_is_cancelled_leaves_what_was_there(side: Side) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        begun.set()
        await asyncio.Event().wait()

    await put(side, "a", b"old")
    task = asyncio.create_task(
        side.store.put(side.root + "a", endless(), content_type=TYPE)  # type: ignore[arg-type]
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await read(side, "a") == b"old"
    await put(side, "a", b"new")
    assert await read(side, "a") == b"new"


async def test_conditions_hold_or_conflict(side: Side) -> None:
    with pytest.raises(Conflict, match="does not exist"):
        await put(side, "a", if_match="0" * 64)
    one = await put(side, "a", b"one", if_none_match="*")
    assert one.created
    with pytest.raises(Conflict, match="exists"):
        await put(side, "a", b"two", if_none_match="*")
    two = await put(side, "a", b"two", if_match=one.stat.etag)
    assert not two.created
    with pytest.raises(Conflict, match=one.stat.etag):
        await put(side, "a", b"three", if_match=one.stat.etag)
    with pytest.raises(Conflict):
        await side.store.delete(side.root + "a", if_match=one.stat.etag)
    assert await read(side, "a") == b"two"
    assert await side.store.delete(side.root + "a", if_match=two.stat.etag) == two.stat
    with pytest.raises(Conflict):
        await side.store.delete(side.root + "a", if_match=two.stat.etag)
    assert (await put(side, "a", b"one", if_none_match="*")).created


@pytest.mark.parametrize("there", [False, True], ids=["creating", "replacing"])
async def test_a_condition_must_hold_when_the_body_has_arrived(side: Side, there: bool) -> None:
    condition = Condition(if_none_match="*")
    if there:
        condition = Condition(if_match=(await put(side, "a", b"first")).stat.etag)

    async def overtaken() -> AsyncIterator[bytes]:
        yield b"slow"
        await put(side, "a", b"fast")
        yield b"er"

    with pytest.raises(Conflict):
        await side.store.put(side.root + "a", overtaken(), content_type=TYPE, condition=condition)
    assert await read(side, "a") == b"fast"


def test_conditions_that_mean_nothing_are_refused() -> None:
    for wrong in (
        {"if_none_match": "abc"},
        {"if_match": "*"},
        {"if_match": "abc", "if_none_match": "*"},
    ):
        with pytest.raises(InvalidRequest, match="if_"):
            Condition(**wrong)


@pytest.mark.parametrize("size", [1, 9_000_000], ids=["small", "in parts"])
async def test_of_writers_on_one_condition_exactly_one_wins(side: Side, size: int) -> None:
    writers = 24 if size == 1 else 4
    held = await put(side, "taken", b"0")
    for key, condition in (
        ("new", {"if_none_match": "*"}),
        ("taken", {"if_match": held.stat.etag}),
    ):
        contents = [bytes([65 + number]) * size for number in range(writers)]
        ends = await asyncio.gather(
            *(put(side, key, content, **condition) for content in contents),
            return_exceptions=True,
        )
        won = [content for content, end in zip(contents, ends, strict=True) if _wrote(end)]
        lost = [end for end in ends if isinstance(end, Conflict)]
        assert (len(won), len(lost)) == (1, writers - 1), ends
        assert await read(side, key) == won[0]


def _wrote(end: object) -> bool:
    return not isinstance(end, BaseException)


async def test_counting_by_compare_and_swap_loses_nothing(side: Side) -> None:
    await put(side, "count", b"0")

    async def add() -> None:
        while True:
            stat, content = await side.store.get(side.root + "count")
            value = int(b"".join([chunk async for chunk in content]))
            try:
                await put(side, "count", b"%d" % (value + 1), if_match=stat.etag)
            except Conflict:
                continue
            return

    await asyncio.gather(*(add() for _ in range(8)))
    assert await read(side, "count") == b"8"


NAMES = [
    "a b",
    "%2e%2e",
    "%41",
    "+&=?#;:@!$'()*,[]{}<>|^`~\"",
    ".hidden",
    "..name",
    "name.",
    "-rf",
    "con",
    "A",
    "z" * 250,
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "日本語/ファイル.txt",
    "\N{GRINNING FACE}",
    "e\N{COMBINING ACUTE ACCENT}\N{COMBINING RING BELOW}",
    "\N{RIGHT-TO-LEFT OVERRIDE}txt.exe",
    "a/b/c/d/e/f/g",
    " leading and trailing ",
]


async def test_names_are_kept_as_they_are(side: Side) -> None:
    for name in NAMES:
        await put(side, name, name.encode())
    assert await keys(side) == sorted(NAMES)
    for name in NAMES:
        assert await read(side, name) == name.encode()
        assert await side.store.delete(side.root + name)
    assert await keys(side) == []


async def test_names_that_only_some_file_systems_tell_apart(side: Side) -> None:
    """Case, and one key as the folder of another."""
    if side.name == "s3":
        pytest.skip("versitygw's folder backend has no object a beside a/b; S3 itself does")
    names = ["a", "a/b", "a/b/c", "A", "a/B", "a!", "a0", "x" * 1000, "é" * 400 + "/" + "é" * 100]
    for name in names:
        await put(side, name, name.encode())
    assert await keys(side) == sorted(names)
    assert [await read(side, name) for name in names] == [name.encode() for name in names]
    assert await side.store.delete(side.root + "a")
    assert "a/b" in await keys(side)


async def test_listing_by_prefix_in_pages(side: Side) -> None:
    names = [f"p/{n:03}" for n in range(25)] + ["p", "q/1", "pa", "p\N{GRINNING FACE}", "p\uffee"]
    if side.name == "s3":
        names.remove("p")
    for name in names:
        await put(side, name)
    assert await keys(side) == sorted(names)
    assert await keys(side, "p/") == sorted(n for n in names if n.startswith("p/"))
    assert await keys(side, "p/02") == [f"p/02{n}" for n in range(5)]
    assert await keys(side, "none") == []
    assert await keys(side, "p/", after="p/022") == ["p/023", "p/024"]
    assert await keys(side, "p/", after="p/022x", limit=1) == ["p/023"]
    seen: list[str] = []
    while page := await keys(side, after=seen[-1] if seen else "", limit=7):
        assert len(page) <= 7
        seen += page
    assert seen == sorted(names)


async def test_a_listing_tells_what_stat_tells(side: Side) -> None:
    await put(side, "a", b"12345")
    [listed] = await side.store.list(side.root)
    stat = await side.store.stat(side.root + "a")
    assert stat is not None
    assert listed.content_type in (TYPE, "")
    assert (listed.key, listed.size, listed.etag, listed.modified) == (
        stat.key,
        stat.size,
        stat.etag,
        stat.modified,
    )


@pytest.mark.parametrize("size", [0, 5, 9_000_000], ids=["empty", "small", "in parts"])
async def test_a_copy_holds_what_its_source_held(side: Side, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    source = (await put(side, "a", content)).stat
    made = await side.store.copy(side.root + "a", side.root + "b/c")
    assert made.created
    assert (made.stat.size, made.stat.content_type) == (size, TYPE)
    assert made.stat == await side.store.stat(side.root + "b/c")
    await side.store.delete(side.root + "a", if_match=source.etag)
    assert await read(side, "b/c") == content
    await put(side, "b/c", b"new")
    assert await read(side, "b/c") == b"new"


@pytest.mark.parametrize("size", [0, 5], ids=["empty", "small"])
async def test_a_copy_is_made_on_conditions_of_both_ends(side: Side, size: int) -> None:
    source = (await put(side, "a", b"a" * size)).stat
    held = (await put(side, "b", b"held")).stat

    async def copy(to: str, version: str = "", **condition: str):
        a, b = side.root + "a", side.root + to
        return await side.store.copy(a, b, version=version, condition=Condition(**condition))

    for refused in (
        copy("c", version="0" * 32),
        copy("b", if_none_match="*"),
        copy("b", if_match="0" * 32),
        copy("c", if_match="0" * 32),
    ):
        with pytest.raises(Conflict):
            await refused
    assert await keys(side) == ["a", "b"]
    assert await read(side, "b") == b"held"
    made = await copy("b", version=source.etag, if_match=held.etag)
    assert not made.created
    assert (await copy("c", if_none_match="*")).created
    assert await read(side, "b") == await read(side, "c") == b"a" * size
    with pytest.raises(NotFound, match="none"):
        await side.store.copy(side.root + "none", side.root + "d")


async def test_a_copy_onto_itself_changes_nothing(side: Side) -> None:
    await put(side, "a", b"content")
    assert not (await side.store.copy(side.root + "a", side.root + "a")).created
    assert await read(side, "a") == b"content"
    assert await keys(side) == ["a"]


async def test_a_reader_that_stops_early_lets_go(side: Side) -> None:
    await side.store.put(side.root + "a", stream(*[b"x" * 1_000_000] * 20), content_type=TYPE)
    for asked in (0, 1):
        _, content = await side.store.get(side.root + "a")
        for _ in range(asked):
            await anext(content)
        close = getattr(content, "aclose")  # noqa: B009 - not of every iterator
        await close()


async def sent(url: str, body: bytes) -> int:
    """The status of a PUT by whoever has the link."""
    place, _, path = url.removeprefix("http://").partition("/")
    client = Client()
    reply = await client.request(Target.parse(place), "PUT", f"/{path}", [], body)
    await reply.read()
    await client.close()
    return reply.status


async def test_parts_that_their_sender_brings_become_an_object_once(bucket: Bucket) -> None:
    store, first, second = S3Store(bucket), b"1" * s3_upload.PART, b"22"
    whole = len(first + second)
    sizes = [len(first), len(second)]
    begun = await store.begin_parts("brought", sizes, 60, content_type=TYPE)
    with pytest.raises(NotFound):
        await store.end_parts("brought", begun.id, whole)
    assert await sent(begun.urls[1], second + b"2") == 403, "it is for that size"
    assert await sent(begun.urls[1], second) == 200
    with pytest.raises(InvalidRequest, match="2 bytes have come"):
        await store.end_parts("brought", begun.id, whole)
    assert await sent(begun.urls[0], first) == 200
    assert await store.stat("brought") is None
    written = await store.end_parts("brought", begun.id, whole)
    assert (written.created, written.stat) == (True, await store.stat("brought"))
    assert (written.stat.size, written.stat.content_type) == (whole, TYPE)
    assert await read(Side("s3", store, ""), "brought") == first + second
    with pytest.raises(NotFound):
        await store.end_parts("brought", begun.id, whole)
    assert await sent(begun.urls[0], first) == 404
    store.close()


async def test_what_was_begun_before_a_time_and_never_ended_is_dropped(bucket: Bucket) -> None:
    store = S3Store(bucket)
    begun = await store.begin_parts("begun", [5], 60, content_type=TYPE)
    assert await sent(begun.urls[0], b"12345") == 200
    now = datetime.now(UTC)
    assert await store.drop_parts(now - timedelta(minutes=1)) == 0
    assert await store.drop_parts(now + timedelta(minutes=1)) == 1
    with pytest.raises(NotFound):
        await store.end_parts("begun", begun.id, 5)
    store.close()


async def test_nothing_of_an_upload_is_left_that_did_not_end(bucket: Bucket) -> None:
    store = S3Store(bucket)
    begun = asyncio.Event()

    async def body(end: Callable[[], Awaitable[object]]) -> AsyncIterator[bytes]:
        for _ in range(6):
            yield b"x" * s3_upload.PART
        begun.set()
        await end()

    async def fail() -> None:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await store.put("left/a", body(fail), content_type=TYPE)
    begun.clear()
    wait = asyncio.Event().wait
    task = asyncio.create_task(store.put("left/b", body(wait), content_type=TYPE))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    left = await Calls(bucket)("list_multipart_uploads")
    assert left.get("Uploads", []) == []
    assert await store.list("left/") == []
    store.close()


async def test_deleting_gives_what_was_there(side: Side) -> None:
    written = await put(side, "a/b")
    await put(side, "a/c")
    assert await side.store.delete(side.root + "a/b") == written.stat
    assert await keys(side) == ["a/c"]
    assert await side.store.delete(side.root + "a/b") is None
