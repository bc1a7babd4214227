import asyncio
import os
from pathlib import Path

from catnap import Context, skill
from catnap.errors import SkillError


@skill
async def pad(ctx: Context, request: dict[str, str]) -> list:
    """Does what it is told, and tells what there is and who it was."""
    folder = ctx.workspace
    if "write" in request:
        (folder / request["write"]).write_text(request.get("text", ""))
    await asyncio.sleep(float(request.get("wait", 0)))
    if "touch" in request:
        try:
            Path(request["touch"]).write_text("mine")
        except OSError as error:
            return [error.strerror]
    if "fail" in request:
        raise SkillError("as it was told")
    if "die" in request:
        os._exit(3)
    found = {each.name: each.read_text() for each in folder.iterdir()}
    return [found, os.getpid()]
