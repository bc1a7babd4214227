"""Programs that are run to their end, or not past the end of who asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping


async def run(*command: str, env: Mapping[str, str] | None = None) -> str | None:
    """None where it went well, or what it said to stderr. env: all that it has of
    the environment; ours by default. Cancelled, it leaves no process of it."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return said.decode(errors="replace") if process.returncode else None
