"""Who may make a key for whom: nobody gives more than they have."""

from __future__ import annotations

from collections.abc import Iterable

from catnap.access.decision import ROLES, Resource, effective_roles, require
from catnap.access.principal import Principal
from catnap.access.roles import ANYWHERE, check_role, parse_role, roles_at
from catnap.errors import PermissionDenied


def check_giving(giver: Principal, tenant: str, user: str | None, roles: Iterable[str]) -> None:
    """Raises PermissionDenied, which names what the giver does not have, and
    InvalidRequest for what is no role."""
    require(giver, "keys.write", Resource(tenant, user=user or ""))
    if user is None and giver.user is not None:
        raise PermissionDenied(
            f"{giver.name} is for user {giver.user!r} and may not make a key for all users"
        )
    if "admin" in giver.roles:
        for role in roles:
            check_role(role)
        return
    held = effective_roles(roles_at(giver.roles, giver.tenant, tenant, ""))
    for role in roles:
        bound = parse_role(check_role(role))
        if bound.tenants or bound.role in ANYWHERE:
            raise PermissionDenied(
                f"role {role!r} may hold in several tenants: it takes role admin to give it"
            )
        if bound.role in ROLES and bound.role not in held:
            raise PermissionDenied(f"{giver.name} has not role {bound.role!r} and cannot give it")
