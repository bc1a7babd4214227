"""Programs that are run to their end, or not past the end of who asked."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import msgspec


class Ended(msgspec.Struct, frozen=True):
    """status: 0 where it went well. out, err: all that it said."""

    status: int
    out: bytes
    err: bytes


async def run(
    *command: str, folder: Path | None = None, env: Mapping[str, str] | None = None
) -> Ended:
    """It can ask nothing. folder: that it begins in, env: all that it has of the
    environment; ours by default. Cancelled, it leaves no process of it. Raises
    OSError where there is no such program."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=folder,
        env=env,
        start_new_session=True,
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            # Whoever asked has left; the next one must find nobody at work.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Ended(process.returncode or 0, out, err)
