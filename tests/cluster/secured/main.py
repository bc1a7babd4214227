import hashlib
from pathlib import Path
from typing import Any

from catnap import Context, skill


@skill
def quiet(ctx: Context, request: dict[str, Any]) -> dict[str, Any]:
    value = ctx.secret("api-key")
    print("it is", value, flush=True)
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    [kind] = [each[2] for each in mounts if each[1] == "/run/catnap/secrets"]
    return {"digest": hashlib.sha256(value.encode()).hexdigest(), "in": kind, "user": ctx.user}
