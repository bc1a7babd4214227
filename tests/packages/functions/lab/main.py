from __future__ import annotations

import asyncio
import importlib
import os
from typing import Any

import msgspec

from catnap import Context, skill


class Work(msgspec.Struct, omit_defaults=True):
    """install: sets of requirements, at once. modules: whose `value` is wanted.
    lock: to write in place of the session's. end: the process, at the end."""

    install: list[list[str]] = []
    modules: list[str] = []
    lock: str | None = None
    end: bool = False


@skill
async def lab(ctx: Context, work: Work) -> dict[str, Any]:
    installed = await asyncio.gather(*(ctx.install(*each) for each in work.install))
    values = {}
    for name in work.modules:
        try:
            values[name] = importlib.import_module(name).value
        except ModuleNotFoundError:
            values[name] = None
    kept = [str(each.relative_to(ctx.workspace)) for each in ctx.workspace.rglob("*")]
    if work.lock is not None:
        (ctx.workspace / ".catnap").mkdir(exist_ok=True)
        (ctx.workspace / ".catnap" / "packages.lock").write_text(work.lock)
    if work.end:
        asyncio.get_running_loop().call_later(0.05, os._exit, 1)
    return {
        "installed": installed[-1] if installed else {},
        "values": values,
        "pid": os.getpid(),
        "host": msgspec.__file__,
        "kept": sorted(kept),
    }
