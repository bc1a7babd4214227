"""Programs that building an image runs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from catnap.errors import Unavailable

_LINES = 12
"""Of what a program that failed has said, the last so many."""


class ProgramFailed(Unavailable):
    """A program ended with an error; `said` is the end of its output."""

    def __init__(self, program: str, status: int | None, said: str) -> None:
        super().__init__(f"{program} failed with status {status}: {said or 'it said nothing'}")
        self.said = said


async def run(*command: str, folder: Path | None = None) -> str:
    """Runs it to its end, where it asks nothing; gives its standard output.

    Raises ProgramFailed, and Unavailable where there is no such program.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be run: {error.strerror or error}") from None
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            # Whoever asked has left; the next one must find nobody at work.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if process.returncode:
        said = (err.strip() or out.strip()).decode(errors="replace").splitlines()
        raise ProgramFailed(command[0], process.returncode, " | ".join(said[-_LINES:]))
    return out.decode(errors="replace")
