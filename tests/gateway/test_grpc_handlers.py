"""How the gateway's services are registered with gRPC."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.gateway.world import running


async def test_no_request_waits_for_every_method_there_is(tmp_path: Path) -> None:
    """grpc.aio has a task for each method that is registered as such, and waits for
    all of them anew with each request."""
    (tmp_path / "functions").mkdir()
    async with running(tmp_path):
        waiting = [getattr(each.get_coro(), "__qualname__", "") for each in asyncio.all_tasks()]
    assert "AioServer._request_call" in waiting
    assert "AioServer._request_registered_call" not in waiting
