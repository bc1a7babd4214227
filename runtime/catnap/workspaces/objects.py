"""The objects of one workspace, where they lie."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from catnap.errors import NotFound, Unavailable
from catnap.files import ObjectStore
from catnap.snapshots.packing import Sealed
from catnap.workspaces.rows import Workspace

_TYPE = "application/octet-stream"


class Allowance(Protocol):
    """How much may be stored."""

    def ask(self, workspace: Workspace) -> None:
        """Raises ResourceExhausted where nothing more may be. Before each object."""

    def wrote(self, workspace: Workspace, size: int) -> None:
        """Bytes that are stored now."""


class ItsObjects:
    """snapshots.storing.Objects, in an object store."""

    def __init__(
        self, objects: ObjectStore, workspace: Workspace, allowance: Allowance | None
    ) -> None:
        self._objects = objects
        self._workspace = workspace
        self._allowance = allowance

    async def get(self, name: str) -> bytes:
        try:
            _, content = await self._objects.get(self._workspace.prefix + name)
        except NotFound:
            raise Unavailable(f"{self._workspace} lacks its object {name}") from None
        return b"".join([part async for part in content])

    async def put(self, pack: Sealed) -> None:
        """Raises ResourceExhausted too, where nothing more may be stored."""

        async def body() -> AsyncIterator[bytes]:
            yield pack.content

        if self._allowance:
            self._allowance.ask(self._workspace)
        await self._objects.put(self._workspace.prefix + pack.name, body(), content_type=_TYPE)
        if self._allowance:
            self._allowance.wrote(self._workspace, len(pack.content))
