from __future__ import annotations

import asyncio
import importlib
import os
import sys
from typing import Any

import msgspec

from catnap import Context, skill


class Work(msgspec.Struct, omit_defaults=True):
    """install: sets of requirements, at once. modules: whose `value` is wanted.
    end: the process, at the end."""

    install: list[list[str]] = []
    modules: list[str] = []
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
    if work.end:
        asyncio.get_running_loop().call_later(0.05, os._exit, 1)
    return {
        "installed": installed[-1] if installed else {},
        "values": values,
        "pid": os.getpid(),
        "host": msgspec.__file__,
        "main": sys.modules["__main__"].__spec__ is not None,
    }
