"""What is read of a request over gRPC, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc import aio

from catnap.access.decision import ADMINISTRATIVE
from catnap.gateway.methods import METHODS
from catnap.gateway.table import PUBLIC
from tests.gateway.local import ACME
from tests.gateway.world import running

KEY = (("authorization", f"Bearer {ACME}"),)
NO_MESSAGE = b"\xff\xff"


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[aio.Channel]:
    (tmp_path / "functions").mkdir()
    async with running(tmp_path) as world, aio.insecure_channel(world.grpc) as channel:
        yield channel


def call(channel: aio.Channel, name: str, key: Any) -> Any:
    """A method that takes one request, of bytes."""
    service, _, method = name.partition(".")
    package = "inference" if service == "GRPCInferenceService" else "catnap.v1"
    path = f"/{package}.{service}/{method}"
    return channel.stream_stream(path)(metadata=key)


async def refused(called: Any) -> grpc.StatusCode:
    with pytest.raises(aio.AioRpcError) as raised:
        await called.read()
    return raised.value.code()


SINGLE = {name: about for name, about in METHODS.items() if not about.many}


async def test_nothing_is_read_of_who_is_not_known(channel: aio.Channel) -> None:
    for name, about in SINGLE.items():
        if about.action != PUBLIC:
            called = call(channel, name, None)
            # It has not begun to send when it is turned away.
            assert await refused(called) is grpc.StatusCode.UNAUTHENTICATED, name


async def test_bytes_that_are_no_message_are_the_callers_fault(channel: aio.Channel) -> None:
    for name, about in SINGLE.items():
        if about.action not in ADMINISTRATIVE:
            called = call(channel, name, KEY)
            await called.write(NO_MESSAGE)
            assert await refused(called) is grpc.StatusCode.INVALID_ARGUMENT, name


async def test_who_sends_no_request_is_told(channel: aio.Channel) -> None:
    called = call(channel, "Skills.Invoke", KEY)
    await called.done_writing()
    with pytest.raises(aio.AioRpcError, match="no request came"):
        await called.read()
