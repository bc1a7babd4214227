"""Streams cut into blocks of a size worth a trip to a thread or a server."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator


async def blocks(body: AsyncIterable[bytes], size: int) -> AsyncIterator[bytes]:
    """The same bytes in blocks of exactly `size`; the last may be shorter.

    An empty body has no blocks. Holds one block and one chunk at most.
    """
    waiting: list[bytes] = []
    held = 0
    async for chunk in body:
        view = memoryview(chunk)
        while held + len(view) >= size:
            cut = size - held
            yield b"".join([*waiting, view[:cut]])
            waiting, held, view = [], 0, view[cut:]
        if view:
            waiting.append(bytes(view))
            held += len(view)
    if held:
        yield b"".join(waiting)
