"""A client that reads nothing of its answers does not keep a server from others."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from catnap.gateway import grpc_writes
from catnap.models.settings import Model
from tests.gateway.inference import Asking, asking, tensor, until
from tests.models.upstreams import oip_upstreams


@pytest.fixture
async def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Asking]:
    monkeypatch.setattr(grpc_writes, "STALL", 0.2)
    monkeypatch.setattr(grpc_writes, "_SLOWEST", 1 << 30)
    async with oip_upstreams() as [server]:
        server.parts, server.piece = 64, "word" * (1 << 18)
        models = {"m": Model((server.address,), abilities=("infer", "generate"))}
        async with asking(tmp_path, models) as ask:
            yield ask


def busy(ask: Asking) -> int:
    [served] = ask.gateway.models.registry
    return sum(each.inflight for each in served.pool.servers)


async def test_a_stream_of_tensors_that_nobody_reads_gives_its_place_back(ask: Asking) -> None:
    stream: Any = ask.stream()
    for _ in range(16):
        await stream.write(tensor(bytes(1 << 20)))
    await until(lambda: busy(ask))
    await until(lambda: not busy(ask))
    stream.cancel()


async def test_a_text_that_nobody_reads_gives_its_place_back(ask: Asking) -> None:
    text = ask.generate("m")
    await text.read()
    await until(lambda: not busy(ask))
    text.cancel()
