"""Requests to a model at zero, by the way that all requests go."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from catnap.access.limiter import Limiter
from catnap.calls.models import Asker, ModelCalls
from catnap.calls.wake_rows import WAKES, StoredUses
from catnap.errors import DeadlineExceeded, Unavailable
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.account import Uncounted
from catnap.models.registry import Registry
from catnap.models.settings import Model, Wake
from catnap.models.waking import Waking
from catnap.skills.duration import Duration
from catnap.store import Store
from tests.models.deployments import Deployment, at_zero
from tests.models.upstreams import tensor_request

ASKER = Asker(("acme", "ann", ""), 20)
HURRIED = Asker(("acme", "ann", ""), 0.2)


@asynccontextmanager
async def asleep(wakes: bool = True) -> AsyncIterator[tuple[ModelCalls, Deployment, Model]]:
    store, registry = Store(":memory:", [WAKES]), Registry()
    async with at_zero() as deployment:
        waking = registry.waking = Waking(deployment, StoredUses(store), lambda text: None)
        wake = Wake("models/m", Duration(0), Duration(20)) if wakes else None
        model = Model(servers=(deployment.server.address,), wake=wake)
        registry.change({"m": model})
        try:
            yield ModelCalls(registry, Limiter(), Uncounted()), deployment, model
        finally:
            await waking.close()
            await registry.close()
            store.close()


async def test_a_request_wakes_its_model_and_is_answered_by_it() -> None:
    async with asleep() as (models, deployment, _):
        assert await models.ready(ASKER, "m")
        assert deployment.scaled == []  # who looks wakes nobody
        answer = oip.ModelInferResponse.FromString(await models.infer(ASKER, tensor_request("m")))
        assert answer.model_name == "m"
        assert deployment.scaled == [1]


async def test_who_has_less_time_than_the_start_takes_is_told_so() -> None:
    async with asleep() as (models, deployment, _):
        deployment.comes = False
        with pytest.raises(DeadlineExceeded, match="at zero"):
            await models.infer(HURRIED, tensor_request("m"))


async def test_a_model_whose_server_went_away_is_looked_at_before_the_next_request() -> None:
    async with asleep() as (models, deployment, _):
        await models.infer(ASKER, tensor_request("m"))
        await deployment.stop("models/m")
        with pytest.raises(Unavailable):
            await models.infer(ASKER, tensor_request("m"))
        await models.infer(ASKER, tensor_request("m"))
        assert deployment.scaled == [1, 0, 1]


async def test_a_model_that_is_to_be_woken_from_now_on_is() -> None:
    async with asleep(wakes=False) as (models, deployment, model):
        with pytest.raises(Unavailable):
            await models.infer(ASKER, tensor_request("m"))
        woken = Model(servers=model.servers, wake=Wake("models/m", Duration(0), Duration(20)))
        models.registry.change({"m": woken})
        await models.infer(ASKER, tensor_request("m"))
        models.registry.change({"m": model})
        await models.infer(ASKER, tensor_request("m"))
        assert deployment.scaled == [1]
