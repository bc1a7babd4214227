"""What may be put into a file, cut into the parts that travel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK = 256 * 1024
"""Bytes of a file in one message."""

Content = bytes | Path | BinaryIO | Iterable[bytes]
"""Bytes, a file by its path, an open binary file, or parts of any size."""

AnyContent = Content | AsyncIterable[bytes]
"""The asyncio client takes parts that arrive, too."""


def chunks(content: AnyContent) -> Iterator[bytes]:
    """The content in parts of CHUNK bytes at most, read as they are asked for."""
    if isinstance(content, bytes):
        yield from _cut(content)
    elif isinstance(content, Path):
        with content.open("rb") as file:
            yield from chunks(file)
    elif isinstance(content, AsyncIterable):
        raise TypeError("content that arrives asynchronously needs the client of catnap.client.aio")
    else:
        # A file, too, is an iterable of bytes: of lines, whatever their length.
        read = getattr(content, "read", None)
        for part in iter(lambda: read(CHUNK), b"") if read else content:
            yield from _cut(part)


async def async_chunks(content: AnyContent) -> AsyncGenerator[bytes, None]:
    """As chunks; files are read off the event loop."""
    if isinstance(content, AsyncIterable):
        async for part in content:
            for chunk in _cut(part):
                yield chunk
        return
    parts = chunks(content)
    while (part := await asyncio.to_thread(next, parts, b"")) != b"":
        yield part


def _cut(part: bytes) -> Iterator[bytes]:
    whole = memoryview(part)
    for start in range(0, len(part), CHUNK):
        yield bytes(whole[start : start + CHUNK])
