"""How a model's servers stand is seen as it is when somebody looks."""

from __future__ import annotations

from catnap.calls.model_metrics import ModelMetrics
from catnap.models.place import Ask
from catnap.models.registry import Registry
from catnap.models.settings import Bounds, Canary, Model

SERVERS = ("127.0.0.1:1", "127.0.0.1:2")
MODEL = Model(
    SERVERS,
    version="1",
    limits=Bounds(least=1, start=1, most=4),
    canary=Canary("2", ("127.0.0.1:3",)),
)


def samples(metrics: ModelMetrics) -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("catnap_model_"), *sample.labels.values()): sample.value
        for family in metrics.collect()
        for sample in family.samples
    }


async def test_places_limits_and_ejections_are_told_by_server() -> None:
    registry = Registry({"writer": MODEL})
    metrics = ModelMetrics(registry)
    served = next(each for each in registry if not each.canary)
    async with served.pool.place(Ask("acme")) as place:
        taken = place.server.name
        found = samples(metrics)
        assert {address: found["inflight", "writer", "1", address] for address in SERVERS} == {
            address: float(address == taken) for address in SERVERS
        }
        assert found["limit", "writer", "1", taken] == 1
        assert found["ejected", "writer", "1", taken] == 0
        assert found["waiting", "writer", "1"] == 0
    for _ in range(5):
        place.server.health.failed(0.0)
    found = samples(metrics)
    assert (
        found["ejected", "writer", "1", taken],
        found["ejections_total", "writer", "1", taken],
    ) == (1, 1)
    place.server.health.answered()
    found = samples(metrics)
    assert (
        found["ejected", "writer", "1", taken],
        found["ejections_total", "writer", "1", taken],
    ) == (0, 1)
    assert found["limit", "writer", "2", "127.0.0.1:3"] == 1
    await registry.close()


async def test_a_model_that_is_gone_has_no_servers_any_more() -> None:
    registry = Registry({"writer": MODEL, "other": Model(SERVERS)})
    metrics = ModelMetrics(registry)
    registry.change({"other": Model(SERVERS)})
    assert {key[1] for key in samples(metrics)} == {"other"}
    await registry.close()
