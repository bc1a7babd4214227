import os
from typing import Any

import msgspec

from catnap import Context, skill


class Sum(msgspec.Struct):
    numbers: list[int] = []
    call: str = ""
    payload: Any = None
    embed: list[str] = []
    show: str = ""


@skill
async def add(ctx: Context, request: Sum) -> Any:
    if request.call:
        return await ctx.call(request.call, request.payload)
    if request.embed:
        vectors = await ctx.models.embed(request.embed)
        return [len(vectors), vectors.dimensions]
    if request.show == "grant":
        return ctx.gateway._grant.decode()
    if request.show == "who":
        return [ctx.tenant, ctx.user, ctx.session, ctx.task, ctx.parent, ctx.deadline is not None]
    if request.show == "instance":
        return [os.environ.get("CATNAP_INSTANCE") or os.environ["HOSTNAME"], os.getpid()]
    if request.show == "environment":
        return sorted(os.environ)
    if request.show == "print":
        print("a line of output")
    return sum(request.numbers)
