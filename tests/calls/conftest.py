"""A pipeline on a real journal and the platform in memory."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from catnap.access import Grants, Principal
from catnap.calls import Call, Pipeline
from catnap.calls.accept import Accepted, accept
from catnap.calls.call import direct
from catnap.events import Event
from catnap.services.applied import Built
from catnap.services.describe import Description
from catnap.services.folder import FolderCatalog
from catnap.services.images import Image
from catnap.skills.manifest import parse_manifest
from catnap.store import Store
from catnap.tasks import TABLES, Journal, Retry, Task
from catnap.tasks.task import State
from tests.contract.memory import MemoryPlatform

ANN = Principal("acme", None, frozenset(("caller",)), "key test")
Skill = Callable[[Event], Awaitable[Any]]


@dataclass
class World:
    pipeline: Pipeline
    catalog: FolderCatalog
    platform: MemoryPlatform
    journal: Journal
    grants: Grants
    sources: dict[str, Skill]
    seen: list[Event] = field(default_factory=list)
    """What skills were sent, in order."""
    at_work: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    go: asyncio.Event = field(default_factory=asyncio.Event)
    ids: Any = field(default_factory=lambda: itertools.count(1))

    async def skill(self, name: str, function: Skill, toml: str = "") -> None:
        """Deploys a function as a skill."""
        manifest = parse_manifest(f'name = "{name}"\ndescription = "For a test."\n{toml}')

        async def noted(event: Event) -> Any:
            self.seen.append(event)
            return await function(event)

        self.sources[name] = noted
        built = Built(manifest=manifest, description=Description(), image=Image(name, Path(name)))
        await self.catalog.take(built)

    async def hold(self, event: Event) -> Any:
        """A skill that says it is at work and ends when it may."""
        self.at_work.release()
        await self.go.wait()
        return json.loads(event.data or b"null")

    def call(self, skill: str = "echo", data: Any = None, **fields: Any) -> Call:
        id = f"{next(self.ids):026}"  # noqa: A001
        event = direct(id, skill, json.dumps(data).encode(), "")
        base = {"id": id, "principal": ANN, "skill": skill, "user": "ann", "event": event}
        return Call(**{**base, **fields})

    def begin(self, call: Call) -> asyncio.Task[Any]:
        return asyncio.create_task(self.pipeline.answer(call))

    async def event(self, type: str = "test", **fields: Any) -> Accepted:  # noqa: A002
        options = {
            key: fields.pop(key) for key in ("principal", "trigger", "depth") if key in fields
        }
        base = {"id": f"e{next(self.ids)}", "source": "/test", "type": type}
        event = Event(**{**base, **fields})
        return await accept(self.pipeline, event, options.pop("principal", ANN), **options)

    async def until(self, id: str, *states: State) -> Task:  # noqa: A002
        while (task := await self.journal.get("acme", id)).state not in states:
            await asyncio.sleep(0)
        return task


async def _echo(event: Event) -> Any:
    return json.loads(event.data or b"null")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    sources: dict[str, Skill] = {}
    platform = MemoryPlatform(sources)
    catalog = FolderCatalog(tmp_path, tmp_path, platform, lambda line: None)
    store = Store(":memory:", [TABLES])
    journal = Journal(store)
    grants = Grants(b"x" * 32)
    pipeline = Pipeline(catalog, platform, journal, grants, retry=Retry(first=0.0))
    world = World(pipeline, catalog, platform, journal, grants, sources)
    await world.skill("echo", _echo)
    await world.skill("hold", world.hold)
    await pipeline.start()
    yield world
    await pipeline.stop()
    await platform.close()
    store.close()
