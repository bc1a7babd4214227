import os
import signal

import msgspec

from catnap import Context, skill


class Order(msgspec.Struct):
    note: str = ""
    end: bool = False


@skill
async def memo(ctx: Context, order: Order) -> tuple[list[str], int]:
    if order.end:
        os.kill(os.getpid(), signal.SIGKILL)
        os._exit(9)  # the first process of a container is spared
    if order.note:
        await ctx.files.session.write(f"notes/{order.note}", b"")
    found = await ctx.files.session.list("notes/")
    return [each.key.removeprefix("notes/") for each in found], os.getpid()
