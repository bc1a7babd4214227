"""Rounds of faults: servers of one model do what a dice says while they are asked."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from catnap.inference import grpc_service_pb2 as oip
from tests.models.upstreams import Behaviour, OipUpstream

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "10"))

ASKED = 24
"""Requests of one round."""

MARGIN = 5.0
"""Seconds after its deadline by which a request that has not ended hangs: this
machine may be busy."""

FAULTS: tuple[Behaviour, ...] = ("hung", "reset", "garbage", "busy", "failing", "another's")

Ask = Callable[[bytes, float], Awaitable[bytes]]
"""Sends a ModelInferRequest, for so many seconds at most."""


@dataclass
class Told:
    """How the requests ended. worst: seconds after its deadline that one did."""

    ends: Counter[str] = field(default_factory=Counter)
    worst: float = 0.0
    asked: int = 0


async def rounds(
    ask: Ask, servers: Sequence[OipUpstream], dice: random.Random, errors: type[Exception]
) -> Told:
    """Raises AssertionError for a request that hangs, has another's answer, or fails
    by anything but `errors`."""
    told = Told()
    for _ in range(ROUNDS):
        for server in servers:
            await _befall(server, dice)
        if dice.random() < 0.15:
            for server in dice.sample(list(servers), len(servers) // 2):
                await server.stop()
        asking = [asyncio.create_task(_one(ask, dice.random(), told, errors)) for _ in range(ASKED)]
        for leaver in dice.sample(asking, 3):
            asyncio.get_running_loop().call_later(dice.random() * 0.2, leaver.cancel)
        await asyncio.sleep(dice.random() * 0.1)
        await _befall(dice.choice(servers), dice)
        for ended in await asyncio.gather(*asking, return_exceptions=True):
            if isinstance(ended, BaseException) and not isinstance(ended, asyncio.CancelledError):
                raise ended
    return told


async def _befall(server: OipUpstream, dice: random.Random) -> None:
    server.behaves = "well" if dice.random() < 0.5 else dice.choice(FAULTS)
    server.delay = dice.choice([0.0, 0.0, 0.0, 0.05, 0.5])
    if dice.random() < 0.1:
        await server.stop()
    elif server.stopped:
        await server.start(server.address)


async def _one(ask: Ask, chance: float, told: Told, errors: type[Exception]) -> None:
    told.asked += 1
    left = 0.05 + chance * 0.3
    raw, nonce = nonced(f"r{told.asked}")
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(left + MARGIN):
            answer = oip.ModelInferResponse.FromString(await ask(raw, left))
    except errors as error:
        told.ends[kind(error)] += 1
    else:
        told.ends["well"] += 1
        assert list(answer.raw_output_contents) == [nonce]
        assert answer.id == oip.ModelInferRequest.FromString(raw).id
    told.worst = max(told.worst, loop.time() - began - left)


def kind(error: Exception) -> str:
    code = getattr(error, "code", None)
    return str(code().name) if callable(code) else type(error).__name__


def nonced(name: str) -> tuple[bytes, bytes]:
    """A request that nobody else sends, and what is in it."""
    nonce = os.urandom(16)
    request = oip.ModelInferRequest(model_name="m", id=name)
    request.inputs.add(name="x", datatype="UINT8", shape=[16])
    request.raw_input_contents.append(nonce)
    return request.SerializeToString(), nonce
