"""What a role may be called."""

from __future__ import annotations

import re

from catnap.errors import InvalidRequest

_ROLE = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")


def check_role(value: str) -> str:
    """A role: one of ours, or one that skills ask for in `[access] roles`."""
    if not _ROLE.match(value):
        raise InvalidRequest(f"role {value[:80]!a}: use lower-case letters, digits and '-'")
    return value
