import asyncio

import msgspec

from catnap import Context, skill


class Order(msgspec.Struct):
    hold: float
    number: int = 0


_now = 0
_most = 0


@skill
async def hold(ctx: Context, order: Order) -> int:
    global _now, _most
    _now += 1
    _most = max(_most, _now)
    await asyncio.sleep(order.hold)
    _now -= 1
    return _most
