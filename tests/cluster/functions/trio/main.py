from typing import Any

from catnap import Context, skill


@skill
async def answer(ctx: Context, request: dict[str, Any]) -> dict[str, Any]:
    return request
