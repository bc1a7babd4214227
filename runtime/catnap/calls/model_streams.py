"""ModelStreamInfer: requests and answers that pass each other on one stream.

All requests of one stream for one model go to one server, on one stream there:
sequences have their state at that server, and how many answers a request has, is
its model's affair. What is refused of a request is told beside the others'
answers; a server that fails before its first answer is replaced by another, and
later ends the whole stream, since nobody knows which requests it has answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from catnap.calls.model_lane import Lane, Write, refusal
from catnap.calls.model_request import Asker
from catnap.errors import CatnapError
from catnap.models.request import parse
from catnap.models.stream_tokens import StreamTokens
from catnap.models.wire import apart

if TYPE_CHECKING:
    from catnap.calls.models import ModelCalls


async def relay(
    calls: ModelCalls, asker: Asker, requests: AsyncIterator[bytes], write: Write
) -> None:
    """See ModelCalls."""
    lanes: dict[int, Lane] = {}
    turn = asyncio.Lock()

    async def written(answer: bytes) -> None:
        async with turn:
            await write(answer)

    try:
        async with asyncio.TaskGroup() as group:
            async for raw in requests:
                name = ""
                try:
                    asked = parse(raw)
                    message = asked.message
                    name = message.id
                    found = calls.find(asker, message.model_name, message.model_version)
                    served = found.oip
                    lane = lanes.get(id(served))
                    if lane is None or lane.over:
                        lane = lanes[id(served)] = Lane(calls, asker, served, written)
                        lane.task = group.create_task(lane.run())
                    tokens = StreamTokens(served.model)
                    sent = asked.named(served.at_servers, found.version)
                    sent = tokens.asked(message, sent)
                    await lane.send(sent, name, found.version, tokens)
                except CatnapError as error:
                    await written(refusal(error, name or _id(raw)))
            for lane in lanes.values():
                await lane.end()
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


def _id(raw: bytes) -> str:
    """Of a request that cannot be read as a whole, where that much of it can."""
    try:
        return bytes(apart(raw, 3)[1][-1]).decode()
    except (ValueError, IndexError):
        return ""


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
