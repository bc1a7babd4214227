"""ModelStreamInfer: many requests on one stream, each with its answers as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from google.protobuf.message import DecodeError

from catnap.errors import CatnapError
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.request import parse
from catnap.models.serving.repository import Repository
from catnap.models.wire import field

AT_ONCE = 64
"""Requests of one stream that are in hand; the next is read when one is done."""

_ANSWER = 2

Write = Callable[[bytes], Awaitable[None]]


async def relay(
    repository: Repository, requests: AsyncIterator[bytes], write: Write, left: float | None
) -> None:
    """Until the client has no more requests and all are answered. What is wrong with
    a request is told beside the others' answers. left: seconds of the whole stream."""
    room, turn = asyncio.Semaphore(AT_ONCE), asyncio.Lock()

    async def send(message: bytes) -> None:
        async with turn:
            await write(message)

    async def answer(raw: bytes) -> None:
        try:
            await _answer(repository, raw, send, left)
        finally:
            room.release()

    async with asyncio.TaskGroup() as group:
        async for raw in requests:
            await room.acquire()
            group.create_task(answer(raw))


async def _answer(repository: Repository, raw: bytes, send: Write, left: float | None) -> None:
    try:
        request = parse(raw)
        version, served = repository.find(request.message.model_name, request.message.model_version)
        async with aclosing(served.stream(request, version, left)) as answers:
            async for each in answers:
                await send(field(_ANSWER, each))
    except CatnapError as error:
        failed = oip.ModelStreamInferResponse(error_message=error.message)
        failed.infer_response.id = _id(raw)
        await send(failed.SerializeToString())


def _id(raw: bytes) -> str:
    """Of a request that may be wrong otherwise."""
    try:
        return oip.ModelInferRequest.FromString(raw).id
    except DecodeError:
        return ""
