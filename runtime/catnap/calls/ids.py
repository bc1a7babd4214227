"""Random ids of tasks and traces."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

_BLOCK = 4096
"""Bytes that are asked of the system at one time: to ask for each id costs more
than all else about it."""


def new_id() -> str:
    """A task id: 26 hex digits that sort by the time they were made."""
    return f"{time.time_ns() // 1_000_000:012x}{_sixteen()[:14]}"


def new_trace() -> str:
    """A W3C traceparent that begins a trace."""
    return f"00-{_sixteen()}{_sixteen()}-{_sixteen()}-01"


def _digits() -> Iterator[str]:
    while True:
        block = os.urandom(_BLOCK).hex()
        for start in range(0, len(block), 16):
            yield block[start : start + 16]


_sixteen = _digits().__next__
"""The next 16 hex digits. Nothing is asked for before the first."""
