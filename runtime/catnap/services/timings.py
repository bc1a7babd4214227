"""Where the time of a call went before its instance had it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf

STARTING = ("start", "import", "init")
"""The parts of a start, in the order they come."""

READY = b"catnap-ready"
"""Says since when an instance is ready, in seconds since the epoch, and what
its import and init took: `1763716800.123;import=12.3;init=1.2`."""

_PART = re.compile(r"([\w!#$%&'*+.^`|~-]+);dur=(\d+(?:\.\d+)?)")
"""A metric of Server-Timing that says how long it took."""
_READY = re.compile(rb"(\d+\.\d+);import=(\d+\.\d+);init=(\d+\.\d+)\Z")


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


def written(timings: Mapping[str, float]) -> str:
    """Milliseconds by name, as Server-Timing has them."""
    return ", ".join(f"{name};dur={milliseconds:.2f}" for name, milliseconds in timings.items())


def said(headers: Mapping[bytes, bytes]) -> dict[str, float]:
    """Milliseconds by name, as the instance measured them."""
    text = headers.get(b"server-timing", b"").decode("latin-1")
    return {name: float(milliseconds) for name, milliseconds in _PART.findall(text)}


def passed(headers: Mapping[bytes, bytes], sent: float, milliseconds: float) -> dict[str, float]:
    """As `waited`, of a call that others have passed on to its instance.

    headers: of the answer. sent: when the call was, in seconds since the
    epoch. milliseconds: until the answer began. Whatever nobody has measured
    is `queue`; an instance that became ready after `sent` was waited for.
    """
    own = said(headers)
    left = max(0.0, milliseconds - own.get("handle", 0.0) - own.get("queue", 0.0))
    found = _READY.match(headers.get(READY, b""))
    if found is None:
        return {"queue": left}
    ready, importing, init = map(float, found.groups())
    starting = min(left, (ready - sent) * 1000)
    if starting <= 0:
        return {"queue": left}
    parts = waited(starting, {"start": inf, "import": importing, "init": init})
    return {**parts, "queue": parts["queue"] + left - starting}
