"""Files over gRPC, by a real client: spans, versions and copies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from catnap.client.aio import Client, connect
from catnap.errors import Conflict, InvalidRequest, NotFound
from tests.gateway.local import ACME
from tests.gateway.stores import stored


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with stored("folder", tmp_path) as world, connect(world.grpc, ACME) as client:
        yield client


async def read(client: Client, key: str, **asked: object) -> bytes:
    return await (await client.files.get(key, **asked)).read()  # type: ignore[arg-type]


async def test_a_span_and_a_version_are_read(client: Client) -> None:
    etag = (await client.files.put("a", b"0123456789")).etag
    assert await read(client, "a", offset=3, length=4) == b"3456"
    assert await read(client, "a", offset=-2) == b"89"
    assert await read(client, "a", offset=8, if_match=etag) == b"89"
    for wrong in ({"offset": 10}, {"length": -1}, {"offset": -1, "length": 1}):
        with pytest.raises(InvalidRequest):
            await read(client, "a", **wrong)
    await client.files.put("a", b"new")
    with pytest.raises(Conflict):
        await read(client, "a", if_match=etag)


async def test_files_are_copied_and_moved(client: Client) -> None:
    await client.files.put("a", b"x", user="ada")
    made = await client.files.copy("a", "b", user="ada", session="s")
    assert (made.key, made.size) == ("b", 1)
    with pytest.raises(Conflict):
        await client.files.copy("a", "b", user="ada", session="s", if_none_match="*")
    await client.files.copy("b", "c", user="ada", source_session="s", move=True)
    assert await read(client, "c", user="ada") == b"x"
    for gone in ({"session": "s"}, {"user": "bob"}):
        with pytest.raises(NotFound):
            await read(client, "b", **({"user": "ada"} | gone))
    with pytest.raises(NotFound):
        await client.files.copy("a", "mine", user="bob")
