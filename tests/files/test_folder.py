"""The folder store: crashes, processes, and that no key becomes a path."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from catnap.errors import InvalidRequest, NotFound, ResourceExhausted, Unavailable
from catnap.files import FolderStore
from tests.files.test_scopes import HOSTILE

TYPE = "text/plain"
WRITER = Path(__file__).with_name("writer.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "files"


@pytest.fixture
def store(folder: Path) -> Iterator[FolderStore]:
    store = FolderStore(folder)
    yield store
    store.close()


async def stream(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def put(store: FolderStore, key: str, content: bytes) -> None:
    await store.put(key, stream(content), content_type=TYPE)


async def read(store: FolderStore, key: str) -> bytes:
    _, content = await store.get(key)
    return b"".join([chunk async for chunk in content])


def held(folder: Path) -> tuple[int, int]:
    """Files of content, and marks."""
    return len(list((folder / "content").iterdir())), len(list((folder / "pending").iterdir()))


async def test_no_key_becomes_a_path(folder: Path, store: FolderStore) -> None:
    """Even of those that never get here, as the surfaces refuse them."""
    keys = [key for key in HOSTILE if 0 < len(key) < 5000 and not _has_surrogate(key)]
    before = _outside(folder)
    for key in keys:
        await put(store, key, key.encode())
        assert await read(store, key) == key.encode()
    assert len(await store.list("")) == len(set(keys)) == held(folder)[0]
    assert _outside(folder) == before
    assert {path.name for path in folder.iterdir()} >= {"content", "pending", "index.db"}
    for path in (folder / "content").iterdir():
        assert len(path.name) == 32
        assert path.name.isalnum()


def _has_surrogate(key: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in key)


def _outside(folder: Path) -> list[Path]:
    return sorted(path for path in folder.parent.rglob("*") if folder not in path.parents)


async def test_what_is_replaced_or_removed_takes_no_space(folder: Path, store: FolderStore) -> None:
    for number in range(5):
        await put(store, "a", b"%d" % number)
        await put(store, "b", b"%d" % number)
    assert held(folder) == (2, 0)
    await store.delete("a")
    assert held(folder) == (1, 0)


async def test_files_are_for_their_owner_alone(folder: Path, store: FolderStore) -> None:
    await put(store, "a", b"secret")
    for path in (folder, folder / "content", *(folder / "content").iterdir()):
        assert path.stat().st_mode & 0o077 == 0


async def test_what_is_written_is_there_for_the_next_process(folder: Path) -> None:
    first = FolderStore(folder)
    await put(first, "a", b"content")
    stat = await first.stat("a")
    first.close()
    second = FolderStore(folder)
    assert await second.stat("a") == stat
    assert await read(second, "a") == b"content"
    second.close()


def failing(call: Callable[..., object], error: BaseException, after: int = 0):
    """`call`, which from its `after`-th use on raises."""
    left = [after]

    def fails(*args: object, **kwargs: object) -> object:
        if left[0] == 0:
            raise error
        left[0] -= 1
        return call(*args, **kwargs)

    return fails


@pytest.mark.parametrize(
    ("name", "after"), [("fsync", 0), ("fsync", 1), ("link", 0), ("link", 1), ("write", 0)]
)
async def test_where_the_disk_fails_the_old_file_stays(
    folder: Path, store: FolderStore, monkeypatch: pytest.MonkeyPatch, name: str, after: int
) -> None:
    await put(store, "a", b"old")
    error = OSError(errno.EIO, "the disk is broken")
    with monkeypatch.context() as broken:
        broken.setattr(os, name, failing(getattr(os, name), error, after))
        with pytest.raises(Unavailable, match="the disk is broken"):
            await put(store, "a", b"new")
    assert await read(store, "a") == b"old"
    assert held(folder) == (1, 0)
    await put(store, "a", b"new")
    assert await read(store, "a") == b"new"
    assert held(folder) == (1, 0)


async def test_a_full_disk_is_told_as_such(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", failing(os.write, full))
        with pytest.raises(ResourceExhausted, match="no space is left"):
            await put(store, "a", b"new")
    assert await store.stat("a") is None


class Crash(BaseException):
    """Ends a write where a power cut would."""


@pytest.mark.parametrize("name", ["keep", "doubt", "settle"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("there", [True, False], ids=["replacing", "creating"])
async def test_a_crash_leaves_the_old_file_or_the_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, when: str, there: bool
) -> None:
    store = FolderStore(folder)
    if there:
        await put(store, "a", b"old")
    contents = type(store._contents)
    step = getattr(contents, name)

    def crash(*args: object, **kwargs: object) -> None:
        if when == "after":
            step(*args, **kwargs)
        raise Crash

    with monkeypatch.context() as cut:
        cut.setattr(contents, name, crash)
        with pytest.raises(Crash) if there or name != "doubt" else nullcontext():
            await put(store, "a", b"new")
    store.close()
    after = FolderStore(folder)
    found = [stat.key for stat in await after.list("")]
    assert found == (["a"] if found else [])
    if found:
        assert await read(after, "a") in ((b"old", b"new") if there else (b"new",))
    else:
        assert not there
    assert held(folder) == (len(found), 0)
    after.close()


def test_killed_at_any_moment_every_file_is_whole(folder: Path) -> None:
    """A process that rewrites three files is killed, eight times over."""
    for life in range(8):
        with subprocess.Popen(
            [sys.executable, WRITER, "rewrite", folder], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout
            for _ in range(life + 1):
                assert writer.stdout.readline()
            writer.send_signal(signal.SIGKILL)
        store = FolderStore(folder)
        stats = asyncio.run(store.list(""))
        for stat in stats:
            content = asyncio.run(read(store, stat.key))
            assert len(content) == stat.size
            assert len(set(content)) == 1
            assert stat.content_type == f"test/{content[:1].hex()}"
        assert held(folder) == (len(stats), 0)
        store.close()


def test_of_processes_on_one_condition_exactly_one_wins(folder: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, WRITER, "create", folder], stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    won = [key for writer in writers for key in writer.communicate()[0].split()]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert sorted(won) == sorted(b"key-%d" % number for number in range(40))
    assert held(folder) == (40, 0)


async def test_another_process_that_starts_leaves_a_write_alone(
    folder: Path, store: FolderStore
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        begun.set()
        await go_on.wait()
        yield b"y"

    task = asyncio.create_task(store.put("a", slow(), content_type=TYPE))  # type: ignore[arg-type]
    await begun.wait()
    other = FolderStore(folder)
    assert held(folder) == (0, 1)
    go_on.set()
    await task
    assert await read(other, "a") == b"x" * 2_000_000 + b"y"
    other.close()


async def test_content_that_somebody_removed_is_named(folder: Path, store: FolderStore) -> None:
    await put(store, "a", b"content")
    for path in (folder / "content").iterdir():
        path.unlink()
    with pytest.raises(Unavailable, match=r"content of 'a'.* is gone"):
        await store.get("a")
    await put(store, "a", b"again")
    assert await read(store, "a") == b"again"


async def test_a_reader_among_writers_never_misses(store: FolderStore) -> None:
    await put(store, "a", b"0")

    async def write() -> None:
        for number in range(30):
            await put(store, "a", b"%d" % number)

    async def look() -> None:
        for _ in range(100):
            try:
                assert await read(store, "a")
            except NotFound:
                pytest.fail("the file was not there while it was replaced")

    await asyncio.gather(write(), look(), look())


def test_a_folder_of_a_newer_version_is_refused(folder: Path) -> None:
    FolderStore(folder).close()
    with sqlite3.connect(folder / "index.db") as index:
        index.execute("PRAGMA user_version = 99")
    index.close()
    with pytest.raises(InvalidRequest, match="newer catnap"):
        FolderStore(folder)


async def test_ten_thousand_files_are_listed_in_order(folder: Path, store: FolderStore) -> None:
    await put(store, "seed", b"x")
    with sqlite3.connect(folder / "index.db") as index:
        index.executemany(
            "INSERT INTO objects SELECT ?, ?, size, etag, content_type, modified FROM objects "
            "WHERE key = CAST('seed' AS BLOB)",
            ((b"t/u/files/%06d" % number, f"{number}") for number in range(10_000)),
        )
    index.close()
    seen: list[str] = []
    while page := await store.list("t/u/", after=seen[-1] if seen else "", limit=1000):
        seen += [stat.key for stat in page]
    assert seen == [f"t/u/files/{number:06}" for number in range(10_000)]
