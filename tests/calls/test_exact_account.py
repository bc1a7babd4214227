"""However requests end, each counts once, as its caller saw it end."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who
from catnap.access.model_usage import ModelTallies
from catnap.calls.accounting import Accounting
from catnap.calls.model_metrics import ModelMetrics
from catnap.calls.models import Asker, ModelCalls
from catnap.calls.outcome import outcome
from catnap.models.registry import Registry
from catnap.models.settings import Bounds, Model, Prices
from tests.models.upstreams import Behaviour, oip_upstreams, openai_upstreams, tensor_request

WHO: tuple[Who, ...] = (("acme", "ann", "search"), ("acme", "ann", ""), ("rival", "bob", ""))
BEHAVIOURS: tuple[Behaviour, ...] = ("well", "well", "well", "busy", "failing", "reset", "garbage")
CHAT = b'{"model":"writer","messages":[{"role":"user","content":"hello"}]}'


class World:
    def __init__(self, registry: Registry) -> None:
        self.limits = Limiter([Limit(tenant="*", daily_calls=1_000_000, daily_tokens=1_000_000)])
        self.tallies = ModelTallies()
        self.metrics = ModelMetrics(registry)
        account = Accounting(self.limits, self.tallies, self.metrics)
        self.calls = ModelCalls(registry, self.limits, account)
        self.seen = Counter[tuple[Who, str, str]]()

    async def ask(self, who: Who, kind: str, patience: float) -> None:
        """patience: seconds after which its caller leaves."""
        asker, model, ended = Asker(who, 5.0), "writer", ""
        asking = asyncio.create_task(self._asked(asker, kind))
        if kind == "tensors":
            model = "same"
        try:
            async with asyncio.timeout(patience):
                await asyncio.shield(asking)
            ended = "ok"
        except TimeoutError:
            asking.cancel()
            [ended] = map(_ended, await asyncio.gather(asking, return_exceptions=True))
        except BaseException as error:
            ended = outcome(error)
        self.seen[who, model, ended] += 1

    async def _asked(self, asker: Asker, kind: str) -> None:
        if kind == "tensors":
            await self.calls.infer(asker, tensor_request("same"))
        elif kind == "whole":
            await self.calls.complete(asker, "/v1/chat/completions", CHAT)
        else:
            async for _ in self.calls.stream(asker, "/v1/chat/completions", CHAT):
                pass

    def counted(self) -> Counter[tuple[Who, str, str]]:
        found = Counter[tuple[Who, str, str]]()
        for each in self.tallies.noted():
            found[each.asked.who, each.asked.model, each.asked.outcome] += each.used.requests
        return found

    def of_metrics(self) -> Counter[tuple[str, str]]:
        return Counter(
            {
                (sample.labels["model"], sample.labels["outcome"]): int(sample.value)
                for family in self.metrics.collect()
                for sample in family.samples
                if sample.name == "catnap_model_requests_total"
            }
        )


def _ended(found: object) -> str:
    return outcome(found) if isinstance(found, BaseException) else "ok"


@pytest.mark.parametrize("seed", range(3))
async def test_servers_that_fail_and_callers_that_leave(seed: int) -> None:
    chance = random.Random(seed)
    async with oip_upstreams(2) as tensors, openai_upstreams(2) as writers:
        few = Bounds(least=1, start=4, most=8, waiting=40)
        registry = Registry(
            {
                "same": Model(tuple(each.address for each in tensors), limits=few),
                "writer": Model(
                    tuple(each.address for each in writers),
                    protocol="openai",
                    abilities=("generate",),
                    limits=few,
                    prices=Prices(1e6, 1e6),
                ),
            }
        )
        world = World(registry)
        async with asyncio.TaskGroup() as group:
            for _ in range(300):
                for server in (*tensors, *writers):
                    server.behaves = chance.choice(BEHAVIOURS)
                asked = (chance.choice(WHO), chance.choice(("tensors", "whole", "stream")))
                group.create_task(world.ask(*asked, chance.choice((5.0, 0.01))))
                for _ in range(chance.randrange(20)):
                    await asyncio.sleep(0)
        await registry.close()
    assert world.seen.total() == 300
    assert world.counted() == world.seen
    by_model = Counter[tuple[str, str]]()
    for (_, model, ended), count in world.seen.items():
        by_model[model, ended] += count
    assert world.of_metrics() == by_model
    assert len({ended for _, _, ended in world.seen}) >= 4, "more kinds of ends are to be tried"
