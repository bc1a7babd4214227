"""What models' servers counted is asked for when metrics are read, and not more often."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from catnap.access.limiter import Limiter
from catnap.calls.models import Asker, ModelCalls
from catnap.calls.server_metrics import EVERY, ServerMetrics
from catnap.models.account import Uncounted
from catnap.models.registry import Registry
from catnap.models.serving import fake
from catnap.models.settings import Canary, Model

ASKER = Asker(("acme", "ann", ""), 20)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    """A model that runs on a server of ours, one that is gone, and one that does
    not speak its protocol."""
    async with fake.serving("words") as address:
        model = Model((address,), abilities=("embed",), dimensions=384)
        gone = Model(("127.0.0.1:1",), canary=Canary("2", ("127.0.0.1:1",)))
        http = Model(("http://127.0.0.1:1",), protocol="openai")
        registry = Registry({"words": model, "gone": gone, "http": http})
        yield registry
        await registry.close()


def samples(metrics: ServerMetrics) -> dict[str, float]:
    found = dict[str, float]()
    for family in metrics.collect():
        for sample in family.samples:
            assert sample.labels["model"] == "words"
            name = sample.name.removeprefix("catnap_model_server_")
            found[name] = found.get(name, 0) + sample.value
    return found


async def test_batches_and_waits_are_those_that_the_server_counted(registry: Registry) -> None:
    calls = ModelCalls(registry, Limiter(), Uncounted())
    for _ in range(3):
        await calls.embed(ASKER, "words", ["one", "two"])
    metrics = ServerMetrics(registry)
    await metrics.look()
    found = samples(metrics)
    assert found["batches_total"] == 3
    assert found["queue_seconds_count"] == found["compute_seconds_count"] == 3
    assert found["compute_seconds_sum"] > 0


async def test_however_often_they_are_read_servers_are_asked_every_few_seconds(
    registry: Registry,
) -> None:
    calls, clock = ModelCalls(registry, Limiter(), Uncounted()), Clock()
    metrics = ServerMetrics(registry, clock)
    for batches in (1, 1, 3):
        await calls.embed(ASKER, "words", ["one"])
        clock.now += EVERY if batches == 3 else EVERY / 4
        await metrics.look()
        assert samples(metrics)["batches_total"] == batches
