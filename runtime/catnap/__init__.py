"""Catnap: serverless functions for the skills of AI agents.

What a skill's author needs is here; everything else has its own package.
"""

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
