import asyncio
from collections.abc import AsyncIterator

import msgspec

from catnap import Context, skill


class Count(msgspec.Struct):
    to: int
    then: str = ""


@skill
async def count(ctx: Context, request: Count) -> AsyncIterator[int]:
    for number in range(request.to):
        yield number
    if request.then == "raise":
        raise RuntimeError("in the middle")
    if request.then == "hang":
        await asyncio.Event().wait()
