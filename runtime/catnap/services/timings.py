"""Where the time of a call went before its instance had it."""

from __future__ import annotations

from collections.abc import Mapping

STARTING = ("start", "import", "init")
"""The parts of a start, in the order they come."""


def waited(milliseconds: float, starting: Mapping[str, float] | None) -> dict[str, float]:
    """How long a call waited, by the names of Server-Timing; their sum is the
    whole wait.

    starting: what the start of its instance took, None if it did not wait for
    one. A call that came in the middle of a start has waited for the end of it
    only.
    """
    parts: dict[str, float] = {}
    left = milliseconds
    for name in reversed(STARTING) if starting is not None else ():
        parts[name] = min(left, (starting or {}).get(name, 0.0))
        left -= parts[name]
    return {"queue": max(0.0, left), **dict(reversed(parts.items()))}
