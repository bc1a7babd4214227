"""How much a scope may hold, whoever writes at the same time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from catnap.errors import ResourceExhausted
from catnap.files import room_rows
from catnap.files.scopes import Scope
from catnap.files.store import ObjectStore
from catnap.store import Store

STEP = 16 * 1024 * 1024
"""Bytes for which room is asked ahead of a body whose length nobody knows."""
HELD = 3600.0
"""Seconds for which it is kept where nobody says that he has done."""
_PAGE = 1000


class Room:
    """Counts what each scope holds and keeps room for what is on its way, so
    that writers at once are within `most` bytes together, on every gateway of
    the store. 0: as much as they like; then only when a scope was last written
    to is remembered.

    What is kept and not used, since its gateway ended, is free again after
    HELD. now: seconds since the epoch.
    """

    def __init__(
        self, store: Store, objects: ObjectStore, most: int, now: Callable[[], float]
    ) -> None:
        self._store = store
        self._objects = objects
        self._most = most
        self._now = now
        self._counting = asyncio.Lock()

    @asynccontextmanager
    async def taking(self, scope: Scope, key: str, its_id: str = "") -> AsyncIterator[Hold]:
        """Room for one write, which ends with the block. its_id: of room that
        was kept for it before."""
        hold = Hold(self, scope, key, its_id or secrets.token_hex(16))
        if not self._most:
            yield hold
            now = self._now()
            self._store.later(lambda db: room_rows.touch(db, scope, now))
            return
        await self._counted(scope)
        try:
            yield hold
        except BaseException:
            self._store.later(lambda db: room_rows.release(db, hold.id))
            raise
        now = self._now()
        await self._store.run(lambda db: room_rows.settle(db, scope, key, hold.id, hold.size, now))

    async def keep(self, scope: Scope, key: str, its_id: str, size: int, seconds: float) -> None:
        """Room for a write that is to come. Raises ResourceExhausted."""
        if self._most:
            await self._counted(scope)
            await self.grow(Hold(self, scope, key, its_id), size, seconds)

    async def grow(self, hold: Hold, size: int, seconds: float = HELD) -> None:
        """Raises ResourceExhausted."""
        if not self._most:
            return
        now = self._now()
        missing = await self._store.run(
            lambda db: room_rows.hold(
                db, hold.scope, hold.key, hold.id, size, self._most, now, now + seconds
            )
        )
        if missing > 0:
            raise ResourceExhausted(
                f"{hold.key!r}: the {hold.scope.kind}'s files may have {self._most:,} bytes "
                f"together, and {missing:,} more are needed: remove some"
            )

    async def removed(self, scope: Scope, key: str) -> None:
        if self._most:
            now = self._now()
            await self._store.run(lambda db: room_rows.forget(db, scope, key, now))

    async def _counted(self, scope: Scope) -> None:
        if await self._store.run(partial(room_rows.counted, scope=scope)) is not None:
            return
        async with self._counting:
            sizes: list[tuple[str, int]] = []
            after = ""
            while page := await self._objects.list(scope.prefix, after=after, limit=_PAGE):
                sizes += [(stat.key.removeprefix(scope.prefix), stat.size) for stat in page]
                after = page[-1].key
            now = self._now()
            await self._store.run(lambda db: room_rows.count(db, scope, sizes, now))


class Hold:
    """Room that is kept for one write. size: what was written in the end."""

    def __init__(self, room: Room, scope: Scope, key: str, its_id: str) -> None:
        self._room = room
        self.scope, self.key, self.id = scope, key, its_id
        self.size = 0

    async def for_(self, size: int) -> None:
        """Raises ResourceExhausted."""
        await self._room.grow(self, size)

    async def metered(self, body: AsyncIterable[bytes], length: int | None) -> AsyncIterator[bytes]:
        """The same bytes, each with room for it. length: of all, where it is
        known. Raises ResourceExhausted in place of what there is no room for."""
        kept = length or 0
        if kept:
            await self.for_(kept)
        size = 0
        async for chunk in body:
            size += len(chunk)
            if size > kept:
                try:
                    await self.for_(size + STEP)
                    kept = size + STEP
                except ResourceExhausted:
                    await self.for_(size)  # near its end every byte counts
                    kept = size
            yield chunk
