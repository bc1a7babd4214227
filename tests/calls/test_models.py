"""Requests to models are within the limits, and their tokens count."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from catnap.access.admission import Admitted
from catnap.access.limiter import Limiter
from catnap.access.limits import Limit, Who
from catnap.calls.models import embed
from catnap.errors import ResourceExhausted
from catnap.models import server
from catnap.models.batcher import Limits
from catnap.models.engine import Engine
from catnap.models.fake import HashEmbedder, WordTokenizer
from catnap.models.registry import Entry
from catnap.models.remote import Remote
from catnap.models.service import InferenceService

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
        yield Entry("words", remote)
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


async def test_a_model_asked_directly_is_a_call_and_one_asked_by_a_skill_is_part_of_its(
    entry: Entry,
) -> None:
    limits = Limiter([Limit(tenant="acme", daily_calls=2, concurrent=1)])
    assert isinstance(limits.admit(SEARCH, time.time()), Admitted)  # and stays at work
    await embed(limits, SEARCH, entry, ["one"], 10)
    with pytest.raises(ResourceExhausted, match="1 at work"):
        await embed(limits, ANN, entry, ["one"], 10)
