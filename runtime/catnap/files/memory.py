"""The object store in memory, for tests. One event loop only."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from datetime import UTC, datetime

from catnap.errors import NotFound
from catnap.files.spans import WHOLE, Span
from catnap.files.store import ALWAYS, Condition, Content, Stat, Written
from catnap.files.unlinked import Unlinked


class MemoryStore(Unlinked):
    """Keeps every object in a dict; forgets all when it goes."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._objects: dict[str, tuple[Stat, bytes]] = {}
        self._now = now

    async def put(
        self,
        key: str,
        body: AsyncIterable[bytes],
        *,
        content_type: str,
        condition: Condition = ALWAYS,
    ) -> Written:
        content = b"".join([chunk async for chunk in body])
        etag = hashlib.sha256(content).hexdigest()
        # No await from here on: the check and the write are one step.
        there = self._objects.get(key)
        condition.check(key, there[0].etag if there else None)
        stat = Stat(key, len(content), etag, content_type, self._now())
        self._objects[key] = stat, content
        return Written(stat, created=there is None)

    async def get(
        self, key: str, span: Span = WHOLE, *, if_match: str = ""
    ) -> tuple[Stat, Content]:
        there = self._objects.get(key)
        if there is None:
            raise NotFound(f"there is no object {key!r}")
        stat, content = there
        Condition(if_match).check(key, stat.etag)
        start, stop = span.within(stat.size)
        return stat, _chunks(content[start:stop])

    async def copy(
        self, source: str, key: str, *, version: str = "", condition: Condition = ALWAYS
    ) -> Written:
        stat, content = await self.get(source, if_match=version)
        return await self.put(key, content, content_type=stat.content_type, condition=condition)

    async def stat(self, key: str) -> Stat | None:
        there = self._objects.get(key)
        return there[0] if there else None

    async def list(self, prefix: str, *, after: str = "", limit: int = 1000) -> list[Stat]:
        keys = sorted(key for key in self._objects if key.startswith(prefix) and key > after)
        return [self._objects[key][0] for key in keys[:limit]]

    async def delete(self, key: str, *, if_match: str = "") -> Stat | None:
        there = self._objects.get(key)
        if there is None and not if_match:
            return None
        Condition(if_match).check(key, there[0].etag if there else None)
        return self._objects.pop(key)[0]


async def _chunks(content: bytes) -> AsyncGenerator[bytes, None]:
    if content:
        yield content
