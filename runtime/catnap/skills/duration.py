"""Lengths of time as people write them: `90s`, `15m`, `1h`, `500ms`, `7d`."""

from __future__ import annotations

import math
import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_FORM = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)\Z", re.ASCII)


class Duration(float):
    """Seconds. A number means seconds; text needs a unit."""

    @classmethod
    def parse(cls, value: object) -> Duration:
        """Raises ValueError, saying what is allowed."""
        match = _FORM.match(value) if isinstance(value, str) else None
        if match is not None:
            seconds = float(match[1]) * _UNITS[match[2]]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = float(value)
        else:
            seconds = math.nan
        if not 0 <= seconds < math.inf:
            raise ValueError(f"{value!r} is no length of time: write for example 500ms, 90s, 15m")
        return cls(seconds)

    def __str__(self) -> str:
        return f"{int(self)}s" if self.is_integer() else f"{round(self * 1000)}ms"


def roughly(seconds: float) -> str:
    """How long to wait, as people say it: `0.25 s`, `12.5 s`, `4 min`, `3 h 59 min`."""
    if seconds < 100:
        return f"{seconds:.3g} s"
    hours, minutes = divmod(math.ceil(seconds / 60), 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"
