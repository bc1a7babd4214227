"""What runs the servers of a model, as a cluster does, here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from catnap.errors import CatnapError
from tests.models.upstreams import OipUpstream


class Deployment:
    """One that runs a real server, which listens as soon as it `comes`."""

    def __init__(self, server: OipUpstream) -> None:
        self.server = server
        self.scaled: list[int] = []
        self.comes = True
        self.error: CatnapError | None = None
        self.stopping = asyncio.Event()
        self.may_stop = asyncio.Event()
        self.may_stop.set()

    async def start(self, deployment: str) -> None:
        if self.error:
            raise self.error
        self.scaled.append(1)
        if self.comes:
            await self.server.start(self.server.address)

    async def stop(self, deployment: str) -> None:
        self.stopping.set()
        await self.may_stop.wait()
        await self.server.stop()
        self.scaled.append(0)


@asynccontextmanager
async def at_zero() -> AsyncIterator[Deployment]:
    """One whose server has an address, and does not run."""
    server = OipUpstream()
    await server.start()
    await server.stop()
    try:
        yield Deployment(server)
    finally:
        await server.stop()
