from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory() as short:
        world = World(tmp_path, f"{short}/desk")
        server = await asyncio.start_unix_server(world.arrive, world.desk)
        numbers = await asyncio.start_unix_server(world.number, f"{world.desk}.number")
        yield world
        await world.platform.close()
        for each in (server, numbers):
            each.close()
        for writer in world.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
