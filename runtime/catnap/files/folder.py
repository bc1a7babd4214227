"""The object store in a folder: an index and files of content."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
from collections.abc import AsyncIterable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from catnap.errors import NotFound, ResourceExhausted, Unavailable
from catnap.files.blocks import blocks
from catnap.files.content import CHUNK, Contents, Incoming, Outgoing
from catnap.files.index import Entry, Index
from catnap.files.spans import WHOLE, Span
from catnap.files.store import ALWAYS, Condition, Content, Stat, Written
from catnap.files.unlinked import Unlinked

P = ParamSpec("P")
T = TypeVar("T")


class FolderStore(Unlinked):
    """Objects in a folder on a local disk, which several processes may share.

    The etag is the SHA-256 of the content. Opening it makes the folder where
    there is none and ends what a crash left half done; raises InvalidRequest
    for a folder of a newer format. What blocks runs in threads.
    """

    def __init__(
        self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._folder = folder
        self._now = now
        self._contents = Contents(folder)
        self._index = Index(folder / "index.db")
        self._recover()

    def close(self) -> None:
        """Ends the use of the folder; no call may be under way."""
        self._index.close()

    def _recover(self) -> None:
        with self._index.writing():
            marked = self._contents.left_behind()
            named = self._index.named(marked)
            for name in marked:
                self._contents.settle(name, stays=name in named)

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        *,
        content_type: str,
        condition: Condition = ALWAYS,
    ) -> Written:
        if condition != ALWAYS:
            # Checked again at the end; this spares a large body its journey.
            there = await self.stat(key)
            condition.check(key, there.etag if there else None)
        incoming = self._contents.begin()
        try:
            async for block in blocks(body, CHUNK):
                await self._run(incoming.write, block)
            return await self._run(self._finish, key, incoming, content_type, condition)
        except BaseException:
            await asyncio.to_thread(incoming.drop)
            raise

    def _finish(
        self, key: str, incoming: Incoming, content_type: str, condition: Condition
    ) -> Written:
        incoming.write(b"")  # an empty body has no block that made the file
        stat = Stat(key, incoming.size, incoming.etag, content_type, self._now())
        before: Entry | None = None

        def decide() -> None:
            nonlocal before
            with self._index.writing():
                before = self._replace(Entry(stat, incoming.name), condition)

        incoming.finish(decide)
        return self._written(stat, before)

    def _replace(self, entry: Entry, condition: Condition) -> Entry | None:
        """What was there; its content is in doubt from now on. Inside `writing`."""
        before = self._index.current(entry.stat.key)
        condition.check(entry.stat.key, before.stat.etag if before else None)
        if before:
            self._contents.doubt(before.content)
        self._index.put(entry)
        return before

    def _written(self, stat: Stat, before: Entry | None) -> Written:
        if before:
            self._contents.settle(before.content, stays=False)
        return Written(stat, created=before is None)

    async def copy(
        self, source: str, key: str, *, version: str = "", condition: Condition = ALWAYS
    ) -> Written:
        return await self._run(self._copy, source, key, Condition(version), condition)

    def _copy(self, source: str, key: str, version: Condition, condition: Condition) -> Written:
        while entry := self._index.find(source):
            version.check(source, entry.stat.etag)
            stat = replace(entry.stat, key=key, modified=self._now())
            before: Entry | None = None

            def decide(name: str, stat: Stat = stat) -> None:
                nonlocal before
                with self._index.writing():
                    before = self._replace(Entry(stat, name), condition)

            try:
                self._contents.copy(entry.content, decide)
            except FileNotFoundError:
                if entry == self._index.find(source):
                    raise self._gone(source, entry) from None
                continue  # replaced since the index was asked
            return self._written(stat, before)
        raise NotFound(f"there is no object {source!r}")

    def _gone(self, key: str, entry: Entry) -> Unavailable:
        return Unavailable(
            f"the content of {key!r}, content/{entry.content}, is gone from {self._folder}: "
            "write the file again, or restore the folder as a whole"
        )

    async def get(
        self, key: str, span: Span = WHOLE, *, if_match: str = ""
    ) -> tuple[Stat, Content]:
        return await self._run(self._open, key, span, Condition(if_match))

    def _open(self, key: str, span: Span, condition: Condition) -> tuple[Stat, Outgoing]:
        missing: Entry | None = None
        while entry := self._index.find(key):
            condition.check(key, entry.stat.etag)
            start, stop = span.within(entry.stat.size)
            try:
                return entry.stat, Outgoing(self._contents.open(entry.content), start, stop)
            except FileNotFoundError:
                # Replaced since the index was asked; unless it still says so.
                if entry == missing:
                    raise self._gone(key, entry) from None
                missing = entry
        raise NotFound(f"there is no object {key!r}")

    async def stat(self, key: str) -> Stat | None:
        entry = await self._run(self._index.find, key)
        return entry.stat if entry else None

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> list[Stat]:
        return await self._run(self._index.range, prefix, after, limit)

    async def delete(self, key: str, *, if_match: str = "") -> Stat | None:
        return await self._run(self._delete, key, Condition(if_match))

    def _delete(self, key: str, condition: Condition) -> Stat | None:
        with self._index.writing():
            entry = self._index.current(key)
            condition.check(key, entry.stat.etag if entry else None)
            if entry is None:
                return None
            self._contents.doubt(entry.content)
            self._index.remove(key)
        self._contents.settle(entry.content, stays=False)
        return entry.stat

    async def _run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except (OSError, sqlite3.Error) as error:
            if _is_full(error):
                raise ResourceExhausted(
                    f"no space is left in {self._folder}: remove files or move CATNAP_HOME"
                ) from error
            raise Unavailable(f"the files in {self._folder} cannot be used: {error}") from error


def _is_full(error: OSError | sqlite3.Error) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return error.sqlite_errorcode == sqlite3.SQLITE_FULL
