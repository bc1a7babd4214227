"""A Platform under test, its clock, and a desk where its calls report."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from catnap.errors import from_problem
from catnap.events import Event, to_binary
from catnap.scaling import TICK
from catnap.services.local import LocalPlatform
from catnap.services.platform import Delivery, Platform, Route
from catnap.services.render import service
from catnap.services.snapshot import Instance
from catnap.skills.manifest import parse_manifest
from tests.contract.memory import MemoryPlatform


class Desk:
    """Where calls report, and wait until they are let go."""

    def __init__(self) -> None:
        self._arrived: asyncio.Queue[Visitor] = asyncio.Queue()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = (await reader.readline()).decode().strip()
        visitor = Visitor(name, writer)
        self._arrived.put_nowait(visitor)
        await reader.read()
        writer.close()
        visitor.left.set()

    async def next(self) -> Visitor:
        return await self._arrived.get()

    @property
    def empty(self) -> bool:
        return self._arrived.empty()


@dataclass
class Visitor:
    name: str
    writer: asyncio.StreamWriter
    left: asyncio.Event = field(default_factory=asyncio.Event)

    def go(self) -> None:
        self.writer.write(b"\n")


@dataclass
class Side:
    """A platform, its clock, and a desk. start: gives a new platform of the
    kind, which knows what the one before has kept."""

    start: Callable[[Side], Awaitable[Platform]]
    images: Mapping[str, str]
    desk: Desk
    env: dict[str, str]
    now: float = 1000.0
    platform: Platform = field(init=False)

    async def restart(self) -> None:
        await self.platform.close()
        self.platform = await self.start(self)

    def tick(self) -> None:
        """What two seconds do here; a cluster does it by itself."""
        if isinstance(self.platform, MemoryPlatform | LocalPlatform):
            self.platform.tick()

    def wait(self, seconds: float) -> None:
        """Lets time go by, as the autoscaler sees it."""
        for _ in range(int(seconds / TICK)):
            self.now += TICK
            self.tick()

    async def apply(self, name: str = "actor", namespace: str = "acme", **scale: Any) -> str:
        return await self.platform.apply(self.object(name, namespace, **scale))

    def object(
        self, name: str = "actor", namespace: str = "acme", **options: Any
    ) -> dict[str, Any]:
        env = {**self.env, **options.pop("env", {})}
        session = options.pop("session", {})
        tables = {"scale": options, "session": session, "env": env}
        lines = [f'name = "{name}"', 'description = "Acts."']
        for table, values in tables.items():
            lines.append(f"[{table}]")
            lines += [
                f"{key} = {msgspec.json.encode(each).decode()}" for key, each in values.items()
            ]
        image = self.images.get(name, self.images["actor"])
        return service(parse_manifest("\n".join(lines)), image=image, namespace=namespace)

    @contextlib.asynccontextmanager
    async def deliver(
        self, request: Any, name: str = "actor", **where: Any
    ) -> AsyncIterator[Delivery]:
        """where: as a Route has it."""
        data = msgspec.json.encode(request)
        event = Event(
            id="1", source="/test", type="test", datacontenttype="application/json", data=data
        )
        headers, body = to_binary(event)
        route = Route("acme", name, **where)
        async with self.platform.deliver(route, headers, body) as delivery:
            yield delivery

    async def call(self, request: Any, **where: Any) -> tuple[Any, Delivery]:
        async with self.deliver(request, **where) as delivery:
            answer = await delivery.reply.read()
        if delivery.reply.status >= 400:
            raise from_problem(delivery.reply.status, answer)
        return msgspec.json.decode(answer), delivery

    def begin(self, request: Any, **where: Any) -> asyncio.Task[tuple[Any, Delivery]]:
        return asyncio.create_task(self.call(request, **where))

    def instances(self) -> int:
        return sum(each.instances for each in self.platform.status())

    def sessions(self) -> int:
        """Those at home at an instance."""
        return sum(each.sessions for each in self._shown())

    async def until_ready(self, instances: int) -> None:
        while sum(each.state == "ready" for each in self._shown()) != instances:
            await asyncio.sleep(0.005)

    def _shown(self) -> list[Instance]:
        found = (each for service in self.platform.snapshot() for each in service.revisions)
        return [each for revision in found for each in revision.instances]

    async def until(self, instances: int) -> None:
        """Processes end when they end."""
        while self.instances() != instances:
            await asyncio.sleep(0.005)
