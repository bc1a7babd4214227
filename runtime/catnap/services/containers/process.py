"""Programs that building an image runs."""

from __future__ import annotations

from pathlib import Path

from catnap.errors import Unavailable
from catnap.skills import programs

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
        ended = await programs.run(*command, folder=folder)
    except OSError as error:
        raise Unavailable(f"{command[0]} cannot be run: {error.strerror or error}") from None
    if ended.status:
        said = (ended.err.strip() or ended.out.strip()).decode(errors="replace").splitlines()
        raise ProgramFailed(command[0], ended.status, " | ".join(said[-_LINES:]))
    return ended.out.decode(errors="replace")
