"""Who calls."""

from __future__ import annotations

import msgspec

from catnap.errors import PermissionDenied
from catnap.events.ids import check_id

DEFAULT_TENANT = "default"
DEFAULT_USER = "default"


class Principal(msgspec.Struct, frozen=True):
    """A caller whose credential was found good.

    `user` None may act for any user of the tenant. `name` says how it was
    proven, such as `key admin`; it goes into logs and errors.
    """

    tenant: str
    user: str | None
    roles: frozenset[str]
    name: str


def acting_for(principal: Principal, user: str) -> str:
    """The user that a call is made for.

    user: whom the caller named, "" where nobody: then the principal's own
    user, or "default". Raises PermissionDenied, naming both, where the
    principal may not act for that user, and InvalidRequest for no valid id.
    """
    if not user:
        return principal.user or DEFAULT_USER
    check_id("user", user)
    if principal.user not in (None, user):
        raise PermissionDenied(
            f"{principal.name} is for user {principal.user!r} and may not act for user {user!r}: "
            "leave the user out, or use that user's key or a key for the whole tenant"
        )
    return user
