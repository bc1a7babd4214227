"""Streams cut into blocks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from catnap.files.blocks import blocks


@given(st.lists(st.binary(max_size=20), max_size=12), st.integers(1, 9))
def test_blocks_are_the_same_bytes_in_one_size(chunks: list[bytes], size: int) -> None:
    async def stream() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk

    async def collect() -> list[bytes]:
        return [block async for block in blocks(stream(), size)]

    got = asyncio.run(collect())
    assert b"".join(got) == b"".join(chunks)
    assert all(len(block) == size for block in got[:-1])
    assert all(0 < len(block) <= size for block in got)
