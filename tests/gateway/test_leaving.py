"""Who leaves before the answer parts no change from its effect or its record."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from catnap.gateway.routes import Routes
from catnap.http import Server
from tests.gateway.local import ADMIN
from tests.gateway.world import World, running


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "functions").mkdir()
    async with running(tmp_path) as world:
        yield world


@asynccontextmanager
async def left(world: World, method: str, path: str) -> AsyncIterator[None]:
    """The block meets a request that the store has not answered, whose client
    is gone."""
    server = Server(Routes(world.gateway))
    host, port = await server.listen(host="127.0.0.1")
    free = threading.Event()
    held = asyncio.create_task(world.gateway.store.run(lambda db: free.wait()))
    try:
        _, writer = await asyncio.open_connection(host, port)
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ADMIN}\r\n\r\n"
        writer.write(head.encode())
        while not server.served:
            await asyncio.sleep(0)
        writer.transport.abort()
        while server.connections:
            await asyncio.sleep(0)
        yield
    finally:
        free.set()
        await held
        await server.drain(5)


async def test_a_key_whose_revoker_leaves_is_good_no_more(world: World) -> None:
    _, made = await world.ask("POST", "/keys", {"name": "ci"})
    async with left(world, "DELETE", "/keys/ci"):
        pass
    assert (await world.ask("GET", "/keys"))[1]["keys"][0]["state"] == "revoked"
    assert (await world.ask("GET", "/skills", key=made["secret"]))[0] == 401


async def test_what_was_done_is_in_the_audit_though_who_asked_has_left(world: World) -> None:
    await world.ask("POST", "/keys", {"name": "ci"})
    async with left(world, "DELETE", "/keys/ci"):
        pass
    _, found = await world.ask("GET", "/audit?kind=action")
    said = [(record["request"], record["outcome"]) for record in found["records"]]
    assert said == [("DELETE /keys/ci", "ok"), ("POST /keys", "ok")]
