from typing import Any

from catnap import Context, skill
from catnap.errors import NotFound


@skill
async def main(ctx: Context, request: dict[str, Any]) -> Any:
    """What it did for whom: [tenant, user, session, what came of it]."""
    files = ctx.files.session if ctx.session else ctx.files
    key, came = request.get("key", ""), None
    try:
        match request["do"]:
            case "say":
                came = request["text"]
            case "put":
                await files.write(key, request["text"].encode())
            case "get":
                came = (await files.read(key)).decode()
            case "list":
                came = [file.key for file in await files.list(request["prefix"])]
            case "delete":
                await files.delete(key)
    except NotFound:
        came = None
    return [ctx.tenant, ctx.user, ctx.session, came]
