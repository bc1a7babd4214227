"""The Platform port in memory: skills are Python functions of this process.

What decides is the same code as on the local platform: revisions, pools,
sessions, scale. Only an instance is not a process, so nothing is imported,
nothing is isolated, and a blocking function blocks everybody.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from catnap.errors import CONTENT_TYPE, CatnapError, SkillCrashed, to_problem
from catnap.events import Event, decode
from catnap.http import Body
from catnap.services.controller import Controller
from catnap.services.deadlines import Deadlines
from catnap.services.fleet import Fleet
from catnap.services.instance import Instance
from catnap.services.ledger import Ledger
from catnap.services.platform import Delivery, Route, Status
from catnap.services.revision import Revision
from catnap.services.snapshot import Service
from catnap.services.timeouts import Patience, paced
from catnap.services.timings import STARTING, waited
from catnap.services.traffic import Target

Function = Callable[[Event], Awaitable[Any]]
"""A skill: from the event to its answer. bytes are sent as they are, an async
iterator of bytes as it comes, everything else as JSON. A CatnapError is
answered as it stands, any other exception as SkillCrashed; SystemExit ends the
instance."""


class MemoryReply:
    """A response made here, from its parts as they come."""

    def __init__(self, status: int, content_type: bytes, parts: AsyncIterator[bytes]) -> None:
        self.status = status
        self.headers = {b"content-type": content_type}
        self.body = Body()
        self._making = asyncio.create_task(self._make(parts))

    async def _make(self, parts: AsyncIterator[bytes]) -> None:
        try:
            async for part in parts:
                self.body.feed(part)
        except CatnapError as error:
            self.body.fail(error)
        except Exception as error:
            self.body.fail(SkillCrashed(f"{type(error).__name__}: {error}"))
        else:
            self.body.finish()

    async def read(self) -> bytes:
        return await self.body.read()

    async def close(self) -> None:
        """Gives up on what was not made yet."""
        self._making.cancel()
        await asyncio.gather(self._making, return_exceptions=True)


@dataclass
class Source:
    """What an image stands for: how an instance of it is made.

    start: run once for each instance, before it is ready, with its
    environment; it gives the function. Where it raises, the instance cannot
    start.
    """

    start: Callable[[Mapping[str, str]], Awaitable[Function]]


@dataclass
class MemoryPlatform:
    """Runs Services as functions. sources: by image. clock: seconds, for all
    that scales; `tick` does what a second would have done. chance: 0 <= n < 1,
    for what is split. ledger: what the one before it has kept."""

    sources: Mapping[str, Source | Function]
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random
    ledger: Ledger = field(default_factory=lambda: Ledger(None))

    def __post_init__(self) -> None:
        self._fleet = Fleet(self._instance, self.clock, self.chance)
        self._deadlines = Deadlines()
        self._controller = Controller(self._fleet, self.ledger, _nothing)

    async def apply(self, service: Mapping[str, Any]) -> str:
        return await self._controller.apply(service)

    async def route(self, namespace: str, service: str, targets: Iterable[Target]) -> None:
        await self._controller.route(namespace, service, targets)

    async def delete(self, namespace: str, service: str) -> None:
        await self._controller.delete(namespace, service)

    def tagged(self, namespace: str, service: str, tag: str) -> str:
        return self._controller.tagged(namespace, service, tag)

    @asynccontextmanager
    async def deliver(
        self, route: Route, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> AsyncIterator[Delivery]:
        began = self.clock()
        pool = self._fleet.pool(route)
        name, timeouts = pool.revision.name, pool.revision.timeouts
        patience = Patience(self._deadlines, name, timeouts)
        with patience:
            place, cold = await pool.acquire(route.session, nested=route.nested)
            instance = place.instance
            assert isinstance(instance, _Running)
            timings = waited((self.clock() - began) * 1000, instance.timings if cold else None)
            try:
                reply = await instance.answer(decode(dict(headers), body))
                patience.answered()
                try:
                    yield Delivery(paced(reply, name, timeouts), instance.name, timings)
                finally:
                    await reply.close()
            except SystemExit as end:
                instance.exit(end)
                raise SkillCrashed(
                    f"{instance.name} exited with status {end.code or 0} while it handled the call"
                ) from None
            finally:
                pool.release(place)
                instance.left()

    def status(self) -> list[Status]:
        return self._fleet.status()

    def image(self, namespace: str, service: str, targets: Iterable[Target] | None = None) -> str:
        return self._controller.image(namespace, service, targets)

    def newest(self, service: str) -> str:
        return self._controller.newest(service)

    def forget(self, service: str) -> None:
        self._controller.forget(service)

    def collect(self) -> set[str]:
        return self._controller.images()

    def look(self, namespace: str, service: str) -> Service:
        return self._controller.look(namespace, service)

    def snapshot(self) -> list[Service]:
        return self._controller.snapshot()

    def tick(self) -> None:
        self._fleet.tick()

    async def close(self) -> None:
        await self._fleet.close()

    def _instance(self, revision: Revision, name: str) -> Instance:
        return _Running(name, self.sources[revision.image], revision.env)


class _Running(Instance):
    def __init__(self, name: str, source: Source | Function, env: Mapping[str, str]) -> None:
        super().__init__(name)
        self._source = source
        self._env = env
        self._function: Function

    async def start(self) -> None:
        if isinstance(self._source, Source):
            try:
                self._function = await self._source.start(self._env)
            except Exception as error:
                raise SkillCrashed(f"{self.name} cannot start: {error}") from error
        else:
            self._function = self._source
        self.timings = dict.fromkeys(STARTING, 0.0)
        self.ready = True

    def end(self, *, now: bool = False) -> None:
        self.draining = True
        if now or not self.inflight:
            self.exit(SystemExit(-9 if now else 0))

    def left(self) -> None:
        """A call has ended."""
        if self.draining and not self.inflight:
            self.exit(SystemExit(0))

    def exit(self, end: SystemExit) -> None:
        if not self.exited.done():
            self.exited.set_result(end.code if isinstance(end.code, int) else 0)

    async def answer(self, event: Event) -> MemoryReply:
        try:
            answer = await self._function(event)
        except CatnapError as error:
            return _problem(error)
        except Exception as error:
            return _problem(SkillCrashed(f"{type(error).__name__}: {error}"))
        if isinstance(answer, AsyncIterator):
            return MemoryReply(200, b"application/octet-stream", answer)
        if isinstance(answer, bytes):
            return _whole(200, b"application/octet-stream", answer)
        return _whole(200, b"application/json", msgspec.json.encode(answer))


async def _nothing(_: Iterable[Revision]) -> None:
    """A function is ready as it stands."""


def _problem(error: CatnapError) -> MemoryReply:
    return _whole(error.http, CONTENT_TYPE.encode(), to_problem(error))


def _whole(status: int, content_type: bytes, data: bytes) -> MemoryReply:
    async def parts() -> AsyncIterator[bytes]:
        yield data

    return MemoryReply(status, content_type, parts())
