"""Requests to models are within the limits, and their tokens count."""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import AsyncIterator

import pytest

from catnap.access.admission import Admitted
from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who
from catnap.calls.models import embed, infer
from catnap.errors import ResourceExhausted
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.registry import Entry
from catnap.models.remote import Remote
from catnap.models.serving import server
from catnap.models.serving.batcher import Limits
from catnap.models.serving.engine import Engine
from catnap.models.serving.fake import HashEmbedder, WordTokenizer
from catnap.models.serving.service import InferenceService

ANN: Who = ("acme", "ann", "")
SEARCH: Who = ("acme", "ann", "search")


@pytest.fixture
async def entry() -> AsyncIterator[Entry]:
    """A model that makes a token of each word, and two more of each text."""
    bound: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    async with Engine(WordTokenizer(), HashEmbedder(), Limits(512, 32)) as engine:
        service = InferenceService("words", engine)
        serving = asyncio.create_task(server.serve("127.0.0.1:0", service, bound.set_result, stop))
        remote = Remote(await bound)
        yield Entry("words", remote, ("embed", "infer"))
        await remote.close()
        stop.set()
        await serving


async def test_tokens_count_until_there_are_none_left(entry: Entry) -> None:
    limits = Limiter([Limit(tenant="acme", daily_tokens=7)])
    for who in (ANN, SEARCH):
        await embed(limits, who, entry, ["one two"], 10)
    with pytest.raises(ResourceExhausted, match="7 tokens of models per day"):
        await embed(limits, ANN, entry, ["one"], 10)
    assert isinstance(limits.admit(SEARCH, time.time()), Admitted)


@pytest.mark.parametrize("asked", [(), ("embedding",), ("embedding", "tokens"), ("tokens",)])
async def test_tokens_count_whatever_outputs_are_asked_for(
    entry: Entry, asked: tuple[str, ...]
) -> None:
    limits = Limiter([Limit(tenant="acme", daily_tokens=4)])
    request = oip.ModelInferRequest(model_name="words")
    request.inputs.add(name="text", datatype="BYTES", shape=[1])
    request.raw_input_contents.append(struct.pack("<I", 7) + b"one two")
    for name in asked:
        request.outputs.add(name=name)
    answer = await infer(limits, ANN, entry, request, 10)
    assert tuple(each.name for each in answer.outputs) == (asked or ("embedding", "tokens"))
    assert len(answer.raw_output_contents) == len(answer.outputs)
    with pytest.raises(ResourceExhausted, match="4 tokens of models per day"):
        await infer(limits, ANN, entry, request, 10)


async def test_a_model_asked_directly_is_a_call_and_one_asked_by_a_skill_is_part_of_its(
    entry: Entry,
) -> None:
    limits = Limiter([Limit(tenant="acme", daily_calls=2, concurrent=1)])
    assert isinstance(limits.admit(SEARCH, time.time()), Admitted)  # and stays at work
    await embed(limits, SEARCH, entry, ["one"], 10)
    with pytest.raises(ResourceExhausted, match="1 at work"):
        await embed(limits, ANN, entry, ["one"], 10)
