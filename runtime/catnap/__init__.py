"""Catnap: serverless functions for the skills of AI agents.

What a skill's author needs is here; everything else has its own package.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catnap.errors import (
        CatnapError,
        Conflict,
        InvalidRequest,
        NotFound,
        ResourceExhausted,
        SkillError,
        Unavailable,
    )
    from catnap.events import Event
    from catnap.skills import Context, skill

__all__ = [
    "CatnapError",
    "Conflict",
    "Context",
    "Event",
    "InvalidRequest",
    "NotFound",
    "ResourceExhausted",
    "SkillError",
    "Unavailable",
    "skill",
]

_ELSEWHERE = {"Context": "catnap.skills", "Event": "catnap.events", "skill": "catnap.skills"}


def __getattr__(name: str) -> object:
    # Whoever imports one of our packages passes here first: the host on its
    # way to its own beginning, the command line on its way to its help.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_ELSEWHERE.get(name, "catnap.errors")), name)
    globals()[name] = value
    return value
