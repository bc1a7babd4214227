"""How much of an index is read and kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """Bytes: of one page of the index, of one wheel and its metadata, and of all
    wheels that are kept. fresh: seconds for which a page is not asked for again.
    silence, whole: seconds for which an index may be silent, and that one
    answer of it may take."""

    page: int = 64 << 20
    metadata: int = 4 << 20
    wheel: int = 1 << 30
    kept: int = 16 << 30
    fresh: float = 60.0
    silence: float = 20.0
    whole: float = 600.0
