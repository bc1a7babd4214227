"""Tensors that are not what they say are refused at the door, by name."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import re
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from grpc import aio

from catnap.models.settings import Model
from tests.gateway.inference import Asking, asking
from tests.models.malformed import MALFORMED
from tests.models.upstreams import OipUpstream, oip_upstreams, tensor_request

REQUESTS = int(os.environ.get("MALFORMED_REQUESTS", "1000"))
"""That are sent, after a tenth as many that memory is not yet looked at for."""

_AT_ONCE = 16


@pytest.fixture
async def upstream() -> AsyncIterator[OipUpstream]:
    async with oip_upstreams() as (server,):
        yield server


@pytest.fixture
async def ask(tmp_path: Path, upstream: OipUpstream) -> AsyncIterator[Asking]:
    async with asking(tmp_path, {"m": Model((upstream.address,))}) as ask:
        yield ask


async def refused(ask: Asking, what: str, dice: random.Random) -> None:
    make, said = MALFORMED[what]
    with pytest.raises(aio.AioRpcError) as raised:
        await ask.infer(make(dice), timeout=60)
    error = raised.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, (what, error.code(), error.details())
    assert re.search(said, error.details() or ""), (what, error.details())


@pytest.mark.parametrize("what", MALFORMED)
async def test_it_is_said_which_tensor_is_wrong_and_the_next_request_is_served(
    ask: Asking, upstream: OipUpstream, what: str
) -> None:
    await refused(ask, what, random.Random(1))
    assert not upstream.asked
    await ask.infer(tensor_request("m"), timeout=60)


@pytest.mark.timeout(1200)
async def test_memory_stays_flat_whatever_is_refused(ask: Asking, upstream: OipUpstream) -> None:
    dice, kinds = random.Random(1), list(MALFORMED)

    async def some(count: int) -> int:
        left = iter(range(count))

        async def one_after_the_other() -> None:
            for number in left:
                if number % 10 == 0:
                    await ask.infer(tensor_request("m"), timeout=60)
                    upstream.asked.clear()
                    upstream.metadata.clear()
                else:
                    await refused(ask, kinds[number % len(kinds)], dice)

        await asyncio.gather(*(one_after_the_other() for _ in range(_AT_ONCE)))
        gc.collect()
        return _resident()

    warm = await some(max(1000, REQUESTS // 10))
    grown = await some(REQUESTS) - warm
    print(f"\n{REQUESTS:,} requests: {grown >> 10:,} KiB more, of {warm >> 20} MiB")
    assert grown < 16 << 20


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
