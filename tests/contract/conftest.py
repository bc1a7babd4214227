"""Each side of the Platform port: in memory, with processes, and as a cluster
has it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from catnap.events import Event
from catnap.services import images
from catnap.services.knative import faults
from catnap.services.ledger import Ledger
from catnap.services.local import LocalPlatform
from catnap.services.platform import Platform
from catnap.sessions.referee import Referee
from catnap.sessions.rows import TABLES as HOMES
from catnap.store import Store
from tests.contract import actor
from tests.contract.memory import Function, MemoryPlatform, Source
from tests.contract.side import Desk, Side
from tests.contract.toyserving import serving
from tests.services.knative import apiserver


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


SOURCES = {"actor": Source(_actor), "streamer": Source(_streamer)}


@pytest.fixture
async def side(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Side]:
    async def in_memory(side: Side) -> Platform:
        return MemoryPlatform(SOURCES, lambda: side.now, ledger=ledger)

    async def local(side: Side) -> Platform:
        return LocalPlatform(tmp_path, "127.0.0.1:1", lambda *line: None, lambda: side.now)

    async def on_cluster(side: Side) -> Platform:
        api = parts.enter_context(apiserver.running(tmp_path)).api()
        return await serving(api, SOURCES, lambda: side.now, applied)

    async def with_others(side: Side) -> Platform:
        api = parts.enter_context(apiserver.running(tmp_path)).api()
        referee = Referee(store, "a", lambda: side.now)
        return await serving(api, SOURCES, lambda: side.now, applied, referee)

    ledger = Ledger(None)
    applied: list[Mapping[str, Any]] = []
    monkeypatch.setattr(faults, "LOOKS", (0.0,))
    desk = Desk()
    with tempfile.TemporaryDirectory() as short, ExitStack() as parts:
        server = await asyncio.start_unix_server(desk.serve, f"{short}/desk")
        names = {name: name for name in SOURCES}
        if kind == "local":
            names = {
                "actor": _image(tmp_path, "actor", "main"),
                "streamer": _image(tmp_path, "streamer", "streamed"),
            }
        if kind == "shared":
            store = Store(request.getfixturevalue("shared"), [HOMES])
            parts.callback(store.close)
        start = {
            "memory": in_memory,
            "local": local,
            "cluster": on_cluster,
            "shared": with_others,
        }[kind]
        made = Side(start, names, desk, {"DESK": f"{short}/desk"})
        made.platform = await start(made)
        yield made
        await made.platform.close()
        server.close()


@pytest.fixture(params=["memory", "local"])
def kind(request: pytest.FixtureRequest) -> str:
    """`cluster` too, and `shared`, a cluster whose gateways share a store, where a
    module's tests ask for that."""
    return str(request.param)


def _image(home: Path, name: str, function: str) -> str:
    folder = home / name
    folder.mkdir()
    shutil.copyfile(actor.__file__, folder / "main.py")
    toml = f'name = "{name}"\ndescription = "Acts."\nentry = "main:{function}"\n'
    (folder / "skill.toml").write_text(toml)
    return images.build(folder, home).reference
