"""Skills that were deleted while their folder is still there."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec


class Withdrawn:
    """A set of names, kept in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: set[str] = set()
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
            self._names = msgspec.json.decode(path.read_bytes(), type=set[str])

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add(self, name: str) -> None:
        if name not in self._names:
            self._keep(self._names | {name})

    def discard(self, name: str) -> None:
        if name in self._names:
            self._keep(self._names - {name})

    def _keep(self, names: set[str]) -> None:
        scratch = self._path.with_suffix(".new")
        scratch.write_bytes(msgspec.json.encode(sorted(names)))
        scratch.replace(self._path)
        self._names = names
