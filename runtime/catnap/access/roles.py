"""Roles as they are written down, and where each of them holds.

    caller               in the tenant of whose it is
    caller:report-*      there, for skills of such a name alone
    operator@acme-*      in every tenant of such a name
    developer@acme:report-*

A role that is bound to skills gives nothing that is about no skill, such as
sending an event or reading a file: a second role may give that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from catnap.errors import InvalidRequest

ANYWHERE = frozenset(("admin",))
"""Roles that hold in every tenant where they name none."""

_PATTERN = r"[A-Za-z0-9._*-]{1,128}"
_ROLE = re.compile(rf"([a-z][a-z0-9-]{{0,62}})(?:@({_PATTERN}))?(?::({_PATTERN}))?\Z")


class Bound(NamedTuple):
    """A role, and the patterns of the tenants and the skills that it is for;
    empty where it was not bound."""

    role: str
    tenants: str = ""
    skills: str = ""


def check_role(value: str) -> str:
    """A role: one of ours, or one that skills ask for in `[access] roles`.
    Raises InvalidRequest."""
    if not _ROLE.match(value):
        raise InvalidRequest(
            f"role {value[:80]!a}: use lower-case letters, digits and '-', and behind them "
            "@<tenants> and :<skills> to bind it, such as caller:report-*"
        )
    return value


@lru_cache(maxsize=1024)
def parse_role(value: str) -> Bound:
    """What no check has passed is a role that gives nothing."""
    found = _ROLE.match(value)
    return Bound(found[1], found[2] or "", found[3] or "") if found else Bound("")


@lru_cache(maxsize=4096)
def roles_at(roles: frozenset[str], home: str, tenant: str, skill: str) -> frozenset[str]:
    """Those that hold for a skill of a tenant, without their bounds.

    home: the tenant of whose they are. skill: empty for none in particular.
    """
    return frozenset(
        each.role for each in map(parse_role, roles) if _holds(each, home, tenant, skill)
    )


def _holds(bound: Bound, home: str, tenant: str, skill: str) -> bool:
    if bound.skills and not matches(bound.skills, skill):
        return False
    if bound.tenants:
        return matches(bound.tenants, tenant)
    return tenant == home or bound.role in ANYWHERE


def matches(pattern: str, name: str) -> bool:
    """`*` stands for any text, also none. In time that both lengths bound,
    whatever the pattern, which others write."""
    first, *middle = pattern.split("*")
    if not middle:
        return name == first
    last = middle.pop()
    if len(name) < len(first) + len(last) or not (name.startswith(first) and name.endswith(last)):
        return False
    at, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def matches_any(patterns: Iterable[str], name: str) -> bool:
    return any(matches(each, name) for each in patterns)
