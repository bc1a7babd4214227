"""Requests to models are within the limits, and their tokens count."""

from __future__ import annotations

import struct
import time
from collections.abc import AsyncIterator

import pytest

from catnap.access.admission import Admitted
from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who
from catnap.access.model_usage import ModelTallies
from catnap.calls.accounting import Accounting
from catnap.calls.model_metrics import ModelMetrics
from catnap.calls.models import Asker, ModelCalls, Prompt
from catnap.errors import PermissionDenied, ResourceExhausted
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.generation import oip_request
from catnap.models.registry import Registry
from catnap.models.serving import fake
from catnap.models.settings import Model
from tests.models.upstreams import oip_upstreams

ANN: Who = ("acme", "ann", "")
SEARCH: Who = ("acme", "ann", "search")


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    """A model that makes a token of each word, and two more of each text."""
    async with fake.serving("words") as address:
        words = Model(servers=(address,), abilities=("embed", "infer"), dimensions=384)
        registry = Registry({"words": words})
        yield registry
        await registry.close()


def calls(registry: Registry, *limits: Limit) -> ModelCalls:
    limiter = Limiter(limits)
    account = Accounting(limiter, ModelTallies(), ModelMetrics(registry))
    return ModelCalls(registry, limiter, account)


async def test_tokens_count_until_there_are_none_left(registry: Registry) -> None:
    models = calls(registry, Limit(tenant="acme", daily_tokens=7))
    for who in (ANN, SEARCH):
        await models.embed(Asker(who, 10), "words", ["one two"])
    with pytest.raises(ResourceExhausted, match="7 tokens of models per day"):
        await models.embed(Asker(ANN, 10), "words", ["one"])
    assert isinstance(models.limits.admit(SEARCH, time.time()), Admitted)


@pytest.mark.parametrize("asked", [(), ("embedding",), ("embedding", "tokens"), ("tokens",)])
async def test_tokens_count_whatever_outputs_are_asked_for(
    registry: Registry, asked: tuple[str, ...]
) -> None:
    models = calls(registry, Limit(tenant="acme", daily_tokens=4))
    request = oip.ModelInferRequest(model_name="words")
    request.inputs.add(name="text", datatype="BYTES", shape=[1])
    request.raw_input_contents.append(struct.pack("<I", 7) + b"one two")
    for name in asked:
        request.outputs.add(name=name)
    raw = request.SerializeToString()
    answer = oip.ModelInferResponse.FromString(await models.infer(Asker(ANN, 10), raw))
    assert tuple(each.name for each in answer.outputs) == (asked or ("embedding", "tokens"))
    assert len(answer.raw_output_contents) == len(answer.outputs)
    with pytest.raises(ResourceExhausted, match="4 tokens of models per day"):
        await models.infer(Asker(ANN, 10), raw)


async def test_a_model_asked_directly_is_a_call_and_one_asked_by_a_skill_is_part_of_its(
    registry: Registry,
) -> None:
    models = calls(registry, Limit(tenant="acme", daily_calls=2, concurrent=1))
    assert isinstance(models.limits.admit(SEARCH, time.time()), Admitted)  # and stays at work
    await models.embed(Asker(SEARCH, 10), "words", ["one"])
    with pytest.raises(ResourceExhausted, match="1 at work"):
        await models.embed(Asker(ANN, 10), "words", ["one"])


async def test_a_skill_may_ask_the_models_that_its_manifest_allows(registry: Registry) -> None:
    models = calls(registry)
    await models.embed(Asker(SEARCH, 10, models=frozenset(["words"])), "words", ["one"])
    with pytest.raises(PermissionDenied, match="under \\[models\\]"):
        await models.embed(Asker(SEARCH, 10, models=frozenset()), "words", ["one"])


async def test_texts_of_one_session_are_generated_by_one_server() -> None:
    async with oip_upstreams(2) as servers:
        addresses = tuple(each.address for each in servers)
        registry = Registry({"writer": Model(servers=addresses, abilities=("generate",))})
        asker = Asker(ANN, 10, session="ann's chat")
        for number in range(12):
            prompt = Prompt(f"{number} is a number")
            assert [piece async for piece in calls(registry).generate(asker, "writer", prompt)]
        assert sorted(len(each.asked) for each in servers) == [0, 12]
        await registry.close()


async def test_a_text_that_comes_at_once_counts_as_one_that_comes_in_pieces() -> None:
    async with oip_upstreams() as [server]:
        writer = Model(servers=(server.address,), abilities=("generate", "infer"))
        registry = Registry({"writer": writer})
        models = calls(registry, Limit(tenant="acme", daily_tokens=1))
        prompt = oip_request("writer", "", Prompt("once upon a time"))
        await models.infer(Asker(ANN, 10), prompt)
        with pytest.raises(ResourceExhausted, match="1 tokens of models per day"):
            await models.infer(Asker(ANN, 10), prompt)
        await registry.close()
