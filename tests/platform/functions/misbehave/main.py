import asyncio
import os
import time
from typing import Literal

import msgspec

from catnap import Context, SkillError, skill


class Order(msgspec.Struct):
    mode: Literal["answer", "raise", "decline", "exit", "hang", "spin"] = "answer"


@skill
async def misbehave(ctx: Context, order: Order) -> str:
    if order.mode == "raise":
        raise RuntimeError("as it was asked to")
    if order.mode == "decline":
        raise SkillError("this cannot be done")
    if order.mode == "exit":
        os._exit(3)
    if order.mode == "hang":
        await asyncio.Event().wait()
    while order.mode == "spin":
        time.sleep(0.1)
    return "well"
