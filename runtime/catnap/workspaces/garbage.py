"""Which objects of a workspace nobody will ever name again."""

from __future__ import annotations

from collections.abc import Iterable, Set


def garbage(stored: Iterable[str], kept: Set[str], epoch: int) -> list[str]:
    """Of the objects that are stored, those that can go.

    kept: what the snapshots name that are there at a moment when `epoch` was
    still the workspace's own. An object of a later epoch may belong to a
    snapshot that is being made: whoever comes after us refers to what the
    snapshots name and to what it stores itself, and to nothing else.
    """
    return [name for name in stored if name not in kept and epoch_of(name) <= epoch]


def epoch_of(name: str) -> int:
    """The one that an object was stored in, see packing.sealed."""
    return int(name.partition("-")[0])
