"""Sessions' and tasks' files, some time after the last of them was written."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from catnap.errors import CatnapError, Conflict, NotFound
from catnap.files import room_rows
from catnap.files.files import Files
from catnap.files.scopes import Scope
from catnap.store import Store

INTERVAL = 600.0
"""Seconds between two looks."""
CLAIM = 600.0
"""Seconds that one gateway has for some scopes, before another takes them."""
UNFINISHED = 86400.0
"""Seconds that one file may take to come."""
_log = logging.getLogger(__name__)


class Sweeper:
    """Clears scopes away that have expired. Several gateways of one store may:
    each scope is one's at a time, and a file goes only as it was found.

    keep: seconds, by `session` and `task`; 0 for ever. What somebody began to
    send and never ended goes after UNFINISHED. now: seconds since the epoch.
    """

    def __init__(
        self, files: Files, store: Store, keep: Mapping[str, float], now: Callable[[], float]
    ) -> None:
        self._files = files
        self._store = store
        self._keep = keep
        self._now = now

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self.sweep()
            except CatnapError as error:
                _log.warning("files that have expired could not be removed: %s", error.message)
            await asyncio.sleep(INTERVAL)

    async def sweep(self) -> int:
        """Removes what has expired by now; how many files."""
        removed = 0
        for kind, seconds in self._keep.items():
            if not seconds:
                continue
            now = self._now()
            before = now - seconds
            while scopes := await self._claim(kind, before, now):
                for scope in scopes:
                    removed += await self._clear(scope, before)
        unfinished = datetime.fromtimestamp(self._now() - UNFINISHED, UTC)
        return removed + await self._files.drop_parts(unfinished)

    async def _claim(self, kind: str, before: float, now: float) -> list[Scope]:
        return await self._store.run(lambda db: room_rows.claim(db, kind, before, now, now + CLAIM))

    async def _clear(self, scope: Scope, before: float) -> int:
        removed, left, token = 0, 0, ""
        expired = datetime.fromtimestamp(before, UTC)
        while True:
            page = await self._files.list(scope, page_token=token)
            for stat in page.files:
                if stat.modified >= expired:
                    left += 1
                    continue
                try:
                    await self._files.delete(scope, stat.key, if_match=stat.etag)
                except NotFound:
                    continue
                except Conflict:  # written since it was listed
                    left += 1
                    continue
                removed += 1
            token = page.next
            if not token:
                break
        if not left:
            await self._store.run(lambda db: room_rows.drop(db, scope, before))
        return removed
