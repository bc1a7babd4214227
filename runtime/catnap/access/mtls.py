"""Whom the name in a client's certificate makes of who shows it: data of the
settings."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from catnap.access.principal import Principal
from catnap.access.roles import check_role, matches
from catnap.errors import InvalidRequest
from catnap.events.ids import check_id


class ClientName(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """name: a URI or a host name among the certificate's alternative names, a
    `*` for any text: `spiffe://acme.example/agents/*`, `*.agents.acme.example`.
    tenant: whose it is. user: as which user; None acts for any of the tenant."""

    name: str
    tenant: str
    roles: tuple[str, ...]
    user: str | None = None

    def __post_init__(self) -> None:
        """Raises InvalidRequest, which names the setting."""
        if not self.name.strip("*") or not (self.name.isascii() and self.name.isprintable()):
            raise InvalidRequest(
                f"name {self.name[:100]!r}: write a URI such as spiffe://acme.example/agents/*, "
                "or a host name"
            )
        check_id("tenant", self.tenant)
        if self.user is not None:
            check_id("user", self.user)
        for role in self.roles:
            check_role(role)

    def about(self, name: str) -> bool:
        """name: a URI, or a host name in small letters. Neither is ever taken
        for the other."""
        if is_uri(self.name):
            return is_uri(name) and matches(self.name, name)
        return not is_uri(name) and matches(self.name.lower(), name)


def is_uri(name: str) -> bool:
    return "://" in name


def principal_of(names: Iterable[str], rules: Iterable[ClientName]) -> Principal | None:
    """By the first rule that is about one of a certificate's names."""
    known = list(names)
    for rule in rules:
        for name in known:
            if rule.about(name):
                return Principal(
                    rule.tenant, rule.user, frozenset(rule.roles), f"certificate of {name}"
                )
    return None
