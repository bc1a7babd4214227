"""May this principal do that? One function, and roles as data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, get_args

import msgspec

from catnap.access.principal import Principal
from catnap.access.roles import roles_at
from catnap.errors import PermissionDenied

Action = Literal[
    "skills.read",
    "skills.call",
    "files.read",
    "files.write",
    "sessions.read",
    "sessions.write",
    "tasks.read",
    "tasks.write",
    "tasks.redrive",
    "models.use",
    "packages.use",
    "events.send",
    "events.deliver",
    "logs.read",
    "platform.read",
    "platform.write",
    "audit.read",
    "keys.read",
    "keys.write",
    "usage.read",
    "limits.write",
    "secrets.read",
    "secrets.write",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
ADMINISTRATIVE: frozenset[Action] = frozenset(
    {"tasks.redrive", "platform.write", "keys.write", "limits.write", "secrets.write"}
)
"""Actions that are not answered before the audit has them on disk."""


@dataclass(frozen=True, slots=True)
class Role:
    """What a role gives: its own actions, and all that other roles give."""

    actions: frozenset[Action] = frozenset()
    includes: tuple[str, ...] = ()


ROLES: Mapping[str, Role] = MappingProxyType(
    {
        # Looks at what there is.
        "viewer": Role(
            frozenset({"skills.read", "files.read", "sessions.read", "tasks.read", "usage.read"})
        ),
        # Brings a trigger the events that were matched already, and does nothing else.
        "broker": Role(frozenset({"events.deliver"})),
        # An agent core: does the work.
        "caller": Role(
            frozenset(
                {
                    "skills.call",
                    "files.write",
                    "sessions.write",
                    "tasks.write",
                    "models.use",
                    "packages.use",
                    "events.send",
                }
            ),
            ("viewer", "broker"),
        ),
        # Writes skills.
        "developer": Role(frozenset({"logs.read"}), ("caller",)),
        # Keeps the platform going, and has no business in anybody's files.
        "operator": Role(
            frozenset(
                {
                    "skills.read",
                    "tasks.read",
                    "tasks.write",
                    "tasks.redrive",
                    "logs.read",
                    "platform.read",
                    "platform.write",
                    "usage.read",
                }
            )
        ),
        "tenant-admin": Role(
            frozenset({"audit.read", "keys.read", "keys.write", "secrets.read", "secrets.write"}),
            ("developer", "operator"),
        ),
        # As tenant-admin, in every tenant, whose limits are set by nobody else.
        "admin": Role(frozenset({"limits.write"}), ("tenant-admin",)),
    }
)


class Resource(msgspec.Struct, frozen=True):
    """What an action is about. Empty fields: nothing in particular.

    `roles` are those of which a skill's `[access]` wants one.
    """

    tenant: str
    user: str = ""
    skill: str = ""
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    pass


_ALLOWED = Allowed()


@dataclass(frozen=True, slots=True)
class Denied:
    """`reason` says, in the caller's words, what is missing."""

    reason: str


@lru_cache(maxsize=4096)  # who calls again asks for the same
def decide(principal: Principal, action: Action, resource: Resource) -> Allowed | Denied:
    """Whether the principal may; the first thing that is missing, if not."""
    held = roles_at(principal.roles, principal.tenant, resource.tenant, resource.skill)
    if resource.tenant != principal.tenant and not held:
        whose = f"not {resource.tenant!r}" if resource.tenant else "and this is the platform's own"
        return Denied(f"{principal.name} belongs to tenant {principal.tenant!r}, {whose}")
    if resource.user and principal.user not in (None, resource.user):
        return Denied(
            f"{principal.name} is for user {principal.user!r}, and this is user {resource.user!r}'s"
        )
    if action not in granted(held):
        givers = sorted(role for role in ROLES if action in granted(frozenset({role})))
        about = f" of skill {resource.skill!r}" if resource.skill else ""
        return Denied(
            f"{principal.name} has {_named(principal.roles)}, which does not give {action}{about}: "
            f"it takes {' or '.join(givers)}"
        )
    roles = effective_roles(held)
    if resource.roles and "admin" not in roles and roles.isdisjoint(resource.roles):
        return Denied(
            f"{principal.name} has {_named(principal.roles)}: skill {resource.skill!r} "
            f"takes {' or '.join(resource.roles)}, by [access] of its skill.toml"
        )
    return _ALLOWED


def require(principal: Principal, action: Action, resource: Resource) -> None:
    """Raises PermissionDenied with the reason, unless it is allowed."""
    decision = decide(principal, action, resource)
    if isinstance(decision, Denied):
        raise PermissionDenied(decision.reason)


@lru_cache(maxsize=1024)
def effective_roles(roles: frozenset[str]) -> frozenset[str]:
    """These roles and all that they include. A role that only skills know of
    includes none."""
    found: set[str] = set()
    waiting = list(roles)
    while waiting:
        role = waiting.pop()
        if role not in found:
            found.add(role)
            waiting.extend(ROLES[role].includes if role in ROLES else ())
    return frozenset(found)


@lru_cache(maxsize=1024)
def granted(roles: frozenset[str]) -> frozenset[Action]:
    """What these roles give, with all that they include."""
    known = (ROLES[role].actions for role in effective_roles(roles) if role in ROLES)
    return frozenset[Action]().union(*known)


@lru_cache(maxsize=1024)
def in_order(roles: frozenset[str]) -> tuple[str, ...]:
    """Roles in the one order that they are written in."""
    return tuple(sorted(roles))


def _named(roles: Iterable[str]) -> str:
    names = sorted(roles)
    return f"role {' and '.join(names)}" if names else "no role"
