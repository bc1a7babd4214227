from typing import Any

from catnap import Context, skill


@skill
async def circle(ctx: Context, request: Any) -> None:
    count = len(await ctx.files.list("circle/"))
    await ctx.files.write(f"circle/{count}", b"")
