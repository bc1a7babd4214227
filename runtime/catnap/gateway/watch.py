"""Edited skills are taken up while the platform runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

from watchfiles import awatch

from catnap.services.catalog import Announce
from catnap.services.folder import FolderCatalog

PAUSE = 5.0
"""Seconds until it is tried again, where the folder cannot be watched."""


async def take_up_edits(catalog: FolderCatalog, functions: Path, announce: Announce) -> None:
    """Runs until cancelled. A skill is looked at again when one of its files
    changes; an edit that changes nothing that belongs to it is no revision."""
    while True:
        try:
            await _watch(catalog, functions)
        except (OSError, ExceptionGroup) as error:
            announce(f"edits in {functions} are not taken up: {error}")
        await asyncio.sleep(PAUSE)


async def _watch(catalog: FolderCatalog, functions: Path) -> None:
    root = functions.resolve()
    async with asyncio.TaskGroup() as group:
        async for changes in awatch(root, debounce=200, step=50):
            # Each by itself: the environment of one may take minutes to build.
            for name in sorted(_skills(root, (path for _, path in changes))):
                group.create_task(catalog.refresh(functions / name))


def _skills(root: Path, paths: Iterable[str]) -> set[str]:
    """The folders directly below root that the paths lie in."""
    inside = (Path(path).relative_to(root) for path in paths if Path(path).is_relative_to(root))
    return {path.parts[0] for path in inside if path.parts and not path.parts[0].startswith(".")}
