"""Issuers of tokens, and whom their claims make of who has one: data of the
settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from catnap.access.jwks import KEEP
from catnap.access.jwt_algorithms import ALGORITHMS
from catnap.access.principal import Principal
from catnap.access.roles import check_role, matches_any
from catnap.errors import InvalidRequest, Unauthenticated
from catnap.events.ids import check_id

ClaimPath = str | tuple[str, ...]
"""A claim's name, or the names on the way to it: ["realm_access", "roles"]."""


class Issuer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OIDC issuer whose tokens are taken.

    issuer: its `iss`, an https address. audience: what a token's `aud` has to
    hold. jwks: where its keys are; empty for where its discovery document says.
    ca: a file of certificates to trust for it; empty for the system's.
    algorithms: those that its tokens may be signed with. keep: seconds for
    which its keys go on while they cannot be read again.

    tenant, or else tenant_claim: whose a token's holder is. tenants: patterns
    of the tenants that this issuer may speak for. user_claim: as which user;
    empty for tokens that act for any user of the tenant; `email` only where
    `email_verified` does not say otherwise (OpenID Connect Core, 5.1). roles: those of
    everybody. role_claim: a claim with one text, several between spaces, or a
    list; role_map: what each of them gives. What is not in it gives nothing.
    """

    issuer: str
    audience: str
    jwks: str = ""
    ca: str = ""
    algorithms: tuple[str, ...] = ("RS256",)
    keep: float = KEEP
    tenant: str = ""
    tenant_claim: ClaimPath = ""
    tenants: tuple[str, ...] = ("*",)
    user_claim: ClaimPath = "sub"
    roles: tuple[str, ...] = ()
    role_claim: ClaimPath = ""
    role_map: Mapping[str, tuple[str, ...]] = {}

    def __post_init__(self) -> None:
        """Raises InvalidRequest, which names the setting."""
        # Here, so that whoever has no issuers has not urllib, either.
        from catnap.access.jwks_read import check_url

        for url in filter(None, (self.issuer, self.jwks)):
            check_url(url)
        if not self.issuer or not self.audience:
            raise InvalidRequest("issuer and audience: neither may be empty")
        wrong = set(self.algorithms) - ALGORITHMS.keys()
        if wrong or not self.algorithms:
            raise InvalidRequest(
                f"algorithms: {', '.join(sorted(wrong)) or 'none at all'}: "
                f"there are {', '.join(ALGORITHMS)}"
            )
        if bool(self.tenant) == bool(self.tenant_claim):
            raise InvalidRequest("give tenant or tenant_claim: one of them")
        if self.tenant:
            check_id("tenant", self.tenant)
        for role in (*self.roles, *(each for some in self.role_map.values() for each in some)):
            check_role(role)
        if bool(self.role_map) != bool(self.role_claim):
            raise InvalidRequest("role_claim and role_map: one has no use without the other")
        if not self.keep > 0:
            raise InvalidRequest("keep: must be more than 0 seconds")

    def principal(self, claims: Mapping[str, Any]) -> Principal:
        """Who has a token with these claims, which were verified. Raises
        Unauthenticated where one that is needed is not there."""
        tenant = self.tenant or self._id("tenant", self.tenant_claim, claims)
        if not matches_any(self.tenants, tenant):
            raise Unauthenticated(f"issuer {self.issuer} may not speak for tenant {tenant!r}")
        user = self._id("user", self.user_claim, claims) if self.user_claim else None
        if self.user_claim == "email" and claims.get("email_verified", True) is not True:
            # Whoever may write any address into a profile would be anybody.
            raise Unauthenticated(f"issuer {self.issuer} has not verified the address {user!r}")
        return Principal(
            tenant,
            user,
            frozenset((*self.roles, *self._mapped(claims))),
            f"token of {self._id('subject', 'sub', claims)} by {self.issuer}",
        )

    def _id(self, kind: str, path: ClaimPath, claims: Mapping[str, Any]) -> str:
        value = claim(claims, path)
        if not isinstance(value, str):
            raise Unauthenticated(f"the token has no text as its claim {path!r}, the {kind}")
        try:
            return check_id(kind, value)
        except InvalidRequest as error:
            raise Unauthenticated(f"the token's claim {path!r}: {error.message}") from None

    def _mapped(self, claims: Mapping[str, Any]) -> Iterable[str]:
        value = claim(claims, self.role_claim) if self.role_claim else None
        given = value.split(" ") if isinstance(value, str) else value
        for each in given if isinstance(given, list) else ():
            if isinstance(each, str):
                yield from self.role_map.get(each, ())


def claim(claims: Mapping[str, Any], path: ClaimPath) -> Any:
    """None where there is none."""
    found: Any = claims
    for name in (path,) if isinstance(path, str) else path:
        found = found.get(name) if isinstance(found, dict) else None
    return found
