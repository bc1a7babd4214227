"""The commit that files are from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from catnap.errors import Unavailable
from catnap.services.containers.process import run


async def commit_of(paths: Sequence[Path]) -> str:
    """The last commit that changed one of them, with `-dirty` where they have
    changed since; empty where the first is in no repository.

    Not the newest commit of all: what did not change stays the same image.
    """
    where = paths[0].resolve()
    git = ("git", "-C", str(where if where.is_dir() else where.parent))
    try:
        root = Path((await run(*git, "rev-parse", "--show-toplevel")).rstrip("\n"))
        inside = [each for path in paths if (each := path.resolve()).is_relative_to(root)]
        chosen = ("--", *(str(each) for each in inside))
        last, changed = await asyncio.gather(
            run(*git, "log", "-1", "--format=%H", *chosen),
            run(*git, "status", "--porcelain", *chosen),
        )
    except Unavailable:
        return ""
    commit = last.strip()
    return f"{commit}-dirty" if commit and changed.strip() else commit
