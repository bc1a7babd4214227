"""A body that still arrives, for a skill written without async."""

from __future__ import annotations

from collections.abc import Iterator

from catnap.http import Body
from catnap.skills import Context


class Chunks(Iterator[bytes]):
    """Waits, in the skill's thread, for what the loop's thread receives."""

    def __init__(self, body: Body, context: Context) -> None:
        self._body = body
        self._context = context

    def __next__(self) -> bytes:
        """Raises the error that the body failed with, and DeadlineExceeded."""
        chunk = self._context.run(self._read())
        if chunk is None:
            raise StopIteration
        return chunk

    async def _read(self) -> bytes | None:
        return await anext(self._body, None)
