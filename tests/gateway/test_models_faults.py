"""What becomes of a request at a gateway whose model servers fail."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from grpc import aio

from catnap.models.outlier import Health, Rules
from catnap.models.settings import Model
from tests.gateway.inference import asking
from tests.models.rounds import rounds
from tests.models.upstreams import oip_upstreams

EXPECTED = {"well", "UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "INTERNAL"}


@pytest.mark.timeout(900)
async def test_no_client_waits_past_its_deadline_or_has_anothers_answer(tmp_path: Path) -> None:
    async with oip_upstreams(3) as servers:
        model = Model(tuple(each.address for each in servers))
        async with asking(tmp_path, {"m": model}) as ask:
            for served in ask.gateway.models.registry:
                for server in served.pool.servers:
                    server.health = Health(Rules(5, 0.05, 0.2))

            async def infer(raw: bytes, left: float) -> bytes:
                return await ask.infer(raw, timeout=left)

            told = await rounds(infer, servers, random.Random(2), aio.AioRpcError)
            print(f"\n{told.asked:,} requests, {told.worst * 1000:.0f} ms late: {told.ends}")
            assert set(told.ends) <= EXPECTED
            assert told.ends["well"] > told.asked / 10
