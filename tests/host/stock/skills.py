"""Skills of every kind, for the stock command and the host."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import msgspec

from catnap import Context, Event, NotFound, SkillError, skill

lock = asyncio.Lock()


class Sum(msgspec.Struct):
    a: int
    b: int = 0


@skill
def typed(ctx: Context, request: Sum) -> int:
    return request.a + request.b


@skill
async def typed_async(ctx: Context, request: Sum | None = None) -> dict[str, int]:
    async with lock:
        await asyncio.sleep(0)
    return {"sum": request.a + request.b if request else -1}


@skill
def raw(ctx: Context, request: bytes) -> bytes:
    return request[::-1]


@skill
async def upload(ctx: Context, request: AsyncIterator[bytes]) -> int:
    return sum([len(chunk) async for chunk in request])


@skill
async def count(ctx: Context, request: int) -> AsyncIterator[int]:
    for part in range(request):
        yield part
        if part == 2:
            raise SkillError("two are enough")


@skill
def count_in_threads(ctx: Context, request: int) -> Iterator[int]:
    yield from range(request)


@skill
async def pieces(ctx: Context, request: int) -> AsyncIterator[bytes]:
    for part in range(request):
        yield b"%d;" % part


@skill
def told(ctx: Context) -> dict[str, object]:
    return {
        "type": ctx.event.type,
        "type_of_data": ctx.event.datacontenttype,
        "who": [ctx.tenant, ctx.user, ctx.session, ctx.task, ctx.parent],
        "trace": ctx.traceparent,
        "limited": ctx.remaining() is not None,
    }


@skill
def replies(ctx: Context) -> Event:
    return Event(id="2", source="/skills/replies", type="replied", data=b"hi")


@skill
async def fails(ctx: Context, request: str) -> None:
    if request == "declared":
        raise SkillError("not today")
    if request == "absent":
        raise NotFound("nothing there")
    if request == "exit":
        raise SystemExit(3)
    if request == "slow":
        await asyncio.sleep(60)
    raise ValueError("not handled")


@skill
def hangs(ctx: Context) -> None:
    time.sleep(2)


@skill
async def reads(ctx: Context, request: str) -> str:
    return (await ctx.files.read(request)).decode()


@skill
def reads_in_threads(ctx: Context, request: str) -> str:
    return ctx.run(ctx.files.read(request)).decode()


@skill
async def asks(ctx: Context) -> object:
    return await ctx.call("double", 21)


@skill
async def proxied(ctx: Context) -> str:
    return ctx.proxy
