"""What the service accounts of a cluster may: data of the settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from catnap.access.principal import Principal
from catnap.access.roles import check_role, matches
from catnap.errors import InvalidRequest, Unauthenticated
from catnap.events.ids import check_id


class AccountRoles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """account: `namespace/name`, a `*` in either for any text. tenant: whose
    it is; empty for that of its namespace, where that is a tenant's."""

    account: str
    roles: tuple[str, ...]
    tenant: str = ""

    def __post_init__(self) -> None:
        """Raises InvalidRequest, which names the setting."""
        namespace, slash, name = self.account.partition("/")
        if not (namespace and slash and name) or "/" in name:
            raise InvalidRequest(f"account {self.account!r}: write namespace/name")
        for role in self.roles:
            check_role(role)
        if self.tenant:
            check_id("tenant", self.tenant)

    def about(self, namespace: str, name: str) -> bool:
        wanted, _, wanted_name = self.account.partition("/")
        return matches(wanted, namespace) and matches(wanted_name, name)


BROKER = frozenset(("broker",))
"""Of any account in a tenant's namespace: it brings triggers their events."""


def principal_of(
    namespace: str, name: str, tenant: str, bound: Iterable[AccountRoles]
) -> Principal:
    """tenant: of the namespace, empty for none. bound: the first that names a
    tenant says whose the account is. Raises Unauthenticated where nobody does."""
    ours: Sequence[AccountRoles] = [each for each in bound if each.about(namespace, name)]
    whose = next((each.tenant for each in ours if each.tenant), tenant)
    who = f"service account {namespace}/{name}"
    if not whose:
        raise Unauthenticated(
            f"{who} is not in the namespace of a tenant, and no [[accounts]] of catnap.toml names "
            "one for it"
        )
    given = {role for each in ours if each.tenant in ("", whose) for role in each.roles}
    own = BROKER if whose == tenant else frozenset()
    return Principal(whose, None, own | given, who)
