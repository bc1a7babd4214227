"""Requests to a model that may be at zero."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Protocol, TypeVar

from catnap.errors import Unavailable
from catnap.models.exchange import Exchange, Open, Send
from catnap.models.place import Ask
from catnap.models.pool import Pool
from catnap.models.retries import RetryBudget
from catnap.models.settings import Model
from catnap.models.waking import Waking

CONNECTION = 3.0
"""Seconds for one to servers that have just started."""


class Connects(Protocol):
    async def connects(self, patience: float) -> bool: ...


Upstream = TypeVar("Upstream", bound=Connects)
Answer = TypeVar("Answer")


class Woken(Exchange[Upstream]):
    """An exchange whose requests wait, before they wait for a place, until there
    are servers. Raises as `Waking.use` does, too."""

    def __init__(
        self, pool: Pool[Upstream], budget: RetryBudget, waking: Waking, model: Model
    ) -> None:
        super().__init__(pool, budget)
        self._waking = waking
        self._model = model

    async def answer(
        self,
        ask: Ask,
        send: Send[Upstream, Answer],
        cost: Callable[[Answer], float | None] = lambda answer: None,
    ) -> Answer:
        async with self._awake(ask):
            return await super().answer(ask, send, cost)

    async def stream(
        self,
        ask: Ask,
        open_: Open[Upstream, Answer],
        cost: Callable[[], float | None] = lambda: None,
    ) -> AsyncGenerator[Answer, None]:
        async with self._awake(ask), aclosing(super().stream(ask, open_, cost)) as parts:
            async for part in parts:
                yield part

    @asynccontextmanager
    async def _awake(self, ask: Ask) -> AsyncGenerator[None, None]:
        use = await self._waking.use(self.pool.model, self._model, ask.deadline)
        reached = True
        try:
            if use and use.woken:
                servers = self.pool.servers
                await asyncio.gather(*(each.upstream.connects(CONNECTION) for each in servers))
            yield
        except Unavailable:
            reached = False
            raise
        finally:
            if use:
                use.end(reached=reached)
