"""How much scopes may hold, and how long those that end keep their files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from catnap.errors import InvalidRequest
from catnap.skills.duration import Duration

_SIZE = re.compile(r"([0-9]{1,15})(kB|MB|GB|TB)?\Z", re.ASCII)
_UNITS = {None: 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


@dataclass(frozen=True, slots=True)
class Bounds:
    """scope: bytes that a user's own files, those of a session or those of a
    task may have together. sessions, tasks: seconds that their files stay after
    the last of them was written. 0: no bound."""

    scope: int = 0
    sessions: float = 0.0
    tasks: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Bounds:
        """`scope=10GB sessions=90d tasks=30d`, each of which may be left out.
        Raises InvalidRequest, which names what is wrong."""
        given: dict[str, int | float] = {}
        for each in text.split():
            name, equals, value = each.partition("=")
            if not equals or name not in ("scope", "sessions", "tasks") or name in given:
                raise InvalidRequest(
                    f"{each!r}: write scope=10GB sessions=90d tasks=30d, or some of them"
                )
            given[name] = _size(value) if name == "scope" else _seconds(value)
        return cls(**given)  # type: ignore[arg-type]

    @property
    def keep(self) -> Mapping[str, float]:
        """Seconds by the scope's kind."""
        return {"session": self.sessions, "task": self.tasks}


def _size(value: str) -> int:
    found = _SIZE.match(value)
    if found is None:
        raise InvalidRequest(f"scope={value}: write a number of bytes, or for example 10GB")
    return int(found[1]) * _UNITS[found[2]]


def _seconds(value: str) -> float:
    try:
        return Duration.parse(value)
    except ValueError as error:
        raise InvalidRequest(str(error)) from None
