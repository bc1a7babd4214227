"""How much lies in the store for a workspace, whoever stores it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from catnap.errors import ResourceExhausted
from catnap.workspaces.rows import KEPT, Workspace

SNAPSHOTS = KEPT + 3
"""Snapshots of full size that may lie there: those that are kept, and what a
few leave behind that are broken off."""

MOST = 100_000
"""Workspaces of which it is remembered what was added."""


class Stock:
    """Bounds what hosts store that nobody here has looked into.

    size: bytes of content that a workspace may have. stored: gives what lies
    there, which is asked once for so many bytes that are added.
    """

    def __init__(self, size: int, stored: Callable[[Workspace], Awaitable[int]]) -> None:
        self._size = size
        self._stored = stored
        self._added: Counter[str] = Counter()

    async def add(self, workspace: Workspace, size: int) -> None:
        """Before so many bytes are stored. Raises ResourceExhausted."""
        if len(self._added) > MOST:
            self._added.clear()
        added = self._added[workspace.id] = self._added[workspace.id] + size
        if added <= self._size:
            return
        if await self._stored(workspace) > SNAPSHOTS * self._size:
            raise ResourceExhausted(
                f"{workspace} has more stored than {SNAPSHOTS} snapshots of {self._size:,} bytes"
            )
        self._added.pop(workspace.id, None)
