"""Who calls, how that was proven, and what they may do.

Principals come from keys, from tokens of issuers and of a cluster, and from
certificates; Grants are what a skill holds while a call of it lives. `decide`
is the one decision function; limits say how much, and the audit what was done.
"""

from catnap.access.accounts import Accounts
from catnap.access.credentials import Credentials
from catnap.access.decision import (
    ACTIONS,
    Action,
    Allowed,
    Denied,
    Resource,
    decide,
    effective_roles,
    require,
)
from catnap.access.grants import Grant, Grants, grant_secret
from catnap.access.jwt_claims import is_token
from catnap.access.keys import Key, KeyRing, admin_key, bearer_token
from catnap.access.listen import check_listen, is_loopback
from catnap.access.principal import Principal, acting_for

__all__ = [
    "ACTIONS",
    "Accounts",
    "Action",
    "Allowed",
    "Credentials",
    "Denied",
    "Grant",
    "Grants",
    "Key",
    "KeyRing",
    "Principal",
    "Resource",
    "acting_for",
    "admin_key",
    "bearer_token",
    "check_listen",
    "decide",
    "effective_roles",
    "grant_secret",
    "is_loopback",
    "is_token",
    "require",
]
