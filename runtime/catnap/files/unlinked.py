"""What a store answers whose objects have no addresses of their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from catnap.errors import NotFound
from catnap.files.store import Parts, Written


class Unlinked:
    """The part of ObjectStore that is about addresses: there are none, and so
    nothing has come by one."""

    async def link(self, key: str, seconds: int) -> str | None:
        return None

    async def begin_parts(
        self, key: str, sizes: Sequence[int], seconds: int, *, content_type: str
    ) -> Parts | None:
        return None

    async def end_parts(self, key: str, its_id: str, size: int) -> Written:
        raise NotFound(f"nothing has come for {key!r}")

    async def drop_parts(self, before: datetime) -> int:
        return 0
