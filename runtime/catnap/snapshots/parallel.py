"""Work in threads and on the network, a few pieces at once, ended together."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[..., T], *arguments: Any) -> T:
    """What it gives. A caller that is cancelled waits for its end all the same:
    the descriptors that it uses are closed after that."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


async def stepped(items: Iterator[T]) -> AsyncIterator[T]:
    """Each step of it in a thread."""
    while True:
        got = await in_thread(lambda: list(itertools.islice(items, 1)))
        if not got:
            return
        yield got[0]


async def each(work: Callable[[T], Awaitable[object]], items: AsyncIterable[T], most: int) -> None:
    """Does it for each of them, so many at once. The first error ends all."""
    running: set[asyncio.Future[object]] = set()
    try:
        async for item in items:
            if len(running) >= most:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            running.add(asyncio.ensure_future(work(item)))
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def these(items: Iterable[T]) -> AsyncIterator[T]:
    for item in items:
        yield item
