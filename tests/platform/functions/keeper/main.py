import msgspec

from catnap import Context, Unavailable, skill


class Order(msgspec.Struct):
    fail: int = 0


@skill
async def keep(ctx: Context, order: Order) -> dict[str, str]:
    """Each attempt leaves a file, so that attempts can be counted."""
    if ctx.event.type.startswith("catnap.file."):
        seen = await ctx.files.list("notes/")
        await ctx.files.write(f"seen/{ctx.task}", str(len(seen)).encode())
        return {}
    attempts = await ctx.files.list(f"attempts/{ctx.event.id}/")
    await ctx.files.write(f"attempts/{ctx.event.id}/{len(attempts)}", ctx.task.encode())
    if len(attempts) < order.fail:
        raise Unavailable("not yet")
    await ctx.files.write(f"kept/{ctx.event.id}", ctx.user.encode())
    return {"task": ctx.task}
