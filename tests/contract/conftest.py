"""Each side of the Platform port that runs on this machine."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.events import Event
from catnap.services import images
from catnap.services.local import LocalPlatform
from tests.contract import actor
from tests.contract.memory import Function, MemoryPlatform, Source
from tests.contract.side import Desk, Side


async def _actor(env: Mapping[str, str]) -> Function:
    if env.get("BROKEN"):
        raise RuntimeError("it was told not to start")

    def function(event: Event) -> Awaitable[Any]:
        return actor.act(msgspec.json.decode(event.data or b""), env)

    return function


async def _streamer(env: Mapping[str, str]) -> Function:
    async def function(event: Event) -> Any:
        return actor.stream(msgspec.json.decode(event.data or b""), env)

    return function


@pytest.fixture(params=["memory", "local"])
async def side(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Side]:
    desk = Desk()
    with tempfile.TemporaryDirectory() as short:
        server = await asyncio.start_unix_server(desk.serve, f"{short}/desk")
        side: Side
        platform: MemoryPlatform | LocalPlatform
        if request.param == "memory":
            sources = {"actor": Source(_actor), "streamer": Source(_streamer)}
            platform = MemoryPlatform(sources, lambda: side.now)
            names = {name: name for name in sources}
        else:
            names = {
                "actor": _image(tmp_path, "actor", "main"),
                "streamer": _image(tmp_path, "streamer", "streamed"),
            }
            platform = LocalPlatform(tmp_path, "127.0.0.1:1", lambda *line: None, lambda: side.now)
        side = Side(platform, platform.tick, names, desk, {"DESK": f"{short}/desk"})
        yield side
        await platform.close()
        server.close()


def _image(home: Path, name: str, function: str) -> str:
    folder = home / name
    folder.mkdir()
    shutil.copyfile(actor.__file__, folder / "main.py")
    toml = f'name = "{name}"\ndescription = "Acts."\nentry = "main:{function}"\n'
    (folder / "skill.toml").write_text(toml)
    return images.build(folder, home).reference
