"""A workspace that this process has, at its own store."""

from __future__ import annotations

from pathlib import Path

from catnap.snapshots.capture import Index
from catnap.workspaces.rows import Held
from catnap.workspaces.workspaces import Workspaces


class OwnHead:
    """snapshots.visits.Head, of which nobody else knows whether it rests."""

    def __init__(self, workspaces: Workspaces, held: Held) -> None:
        self._workspaces = workspaces
        self._held = held

    async def restore(self, folder: Path) -> Index:
        """As Workspaces.restore has it."""
        return await self._workspaces.restore(self._held, folder)

    async def snapshot(self, folder: Path, before: Index, *, at_rest: bool) -> Index:
        self._held, index = await self._workspaces.snapshot(self._held, folder, before)
        return index

    async def sweep(self) -> None:
        await self._workspaces.sweep(self._held)

    async def rest(self) -> None:
        pass
