"""API keys: bearer secrets of which only hashes are held."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from catnap.access import keyfile
from catnap.access.principal import DEFAULT_TENANT, Principal
from catnap.access.roles import check_role
from catnap.errors import InvalidRequest, Unauthenticated
from catnap.events.ids import check_id

PREFIX = "catnap_"
GRANT_PREFIX = "cg1."
MIN_SECRET = 16

_NOBODY: tuple[Principal | None, float] = (None, -math.inf)
_HOW = (
    "send `Authorization: Bearer <key>`; the command line and the client take the key from "
    "CATNAP_TOKEN or from `catnap login`, and the platform's own is in admin.key of its state "
    "folder"
)


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key. `user` None acts for any user of the tenant."""

    hash: str
    """`sha256:` and 64 hexadecimal digits."""
    tenant: str
    user: str | None
    roles: tuple[str, ...]
    name: str

    def __post_init__(self) -> None:
        check_id("key name", self.name)
        check_id("tenant", self.tenant)
        if self.user is not None:
            check_id("user", self.user)
        for role in self.roles:
            check_role(role)
        kind, _, digits = self.hash.partition(":")
        if kind != "sha256" or len(digits) != 64 or set(digits) - set("0123456789abcdef"):
            raise InvalidRequest(f"key {self.name!r}: its hash is not `sha256:` and 64 hex digits")

    @classmethod
    def of(
        cls,
        secret: str,
        *,
        name: str,
        roles: Iterable[str],
        tenant: str = DEFAULT_TENANT,
        user: str | None = None,
    ) -> Key:
        """The record of a secret. Raises InvalidRequest for a secret that is
        too short to be one or that no header can carry."""
        if len(secret) < MIN_SECRET or not (secret.isascii() and secret.isprintable()):
            raise InvalidRequest(
                f"key {name!r}: its secret needs at least {MIN_SECRET} printable ASCII characters"
            )
        if " " in secret or secret.startswith(GRANT_PREFIX):
            raise InvalidRequest(
                f"key {name!r}: its secret has no space in it and does not begin with "
                f"{GRANT_PREFIX!r}"
            )
        return cls(hash=hash_of(secret), tenant=tenant, user=user, roles=tuple(roles), name=name)

    def principal(self) -> Principal:
        return Principal(self.tenant, self.user, frozenset(self.roles), f"key {self.name}")


class KeyRing:
    """The keys that are good now: those of the settings, and those that were
    taken from a store."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._fixed = {key.hash: (key.principal(), math.inf) for key in keys}
        self._keys = dict(self._fixed)
        self._ended: Mapping[tuple[str, str], float] = {}

    @property
    def tenants(self) -> set[str]:
        """Those of whom there is a key."""
        return {principal.tenant for principal, _ in self._keys.values()}

    def fixed(self, tenant: str, user: str) -> list[str]:
        """Names of a user's keys that only the settings can take back."""
        found = (principal for principal, _ in self._fixed.values())
        return sorted(each.name for each in found if (each.tenant, each.user) == (tenant, user))

    def change(
        self,
        issued: Iterable[tuple[Key, float | None]],
        gone: Iterable[str] = (),
        ended: Mapping[tuple[str, str], float] | None = None,
    ) -> None:
        """Adds these to those it was given before, or puts them in their place.
        With each the moment that it expires at, in seconds since the epoch.

        gone: hashes of those that are good no more. ended: by tenant and user,
        when their credentials were ended.
        """
        self._ended = ended or {}
        for hash_ in gone:
            self._keys.pop(hash_, None)
        for key, expires in issued:
            end = math.inf if expires is None else expires
            self._keys[key.hash] = (key.principal(), end)
        self._keys |= self._fixed

    def find(self, bearer: str | None, now: float) -> Principal | None:
        """Whose key this is; None where it is none. now: seconds since the epoch.

        The lookup goes by a hash that nobody can steer without knowing the
        secret, so its time tells nothing about the keys.
        """
        if not bearer:
            return None
        principal, expires = self._keys.get(hash_of(bearer), _NOBODY)
        return principal if now < expires else None

    def check_made(self, principal: Principal, made: float) -> None:
        """Raises Unauthenticated where a token or a certificate was made, in
        seconds since the epoch, before the credentials of its user were ended."""
        if principal.user is None or not self._ended:
            return
        if made <= self._ended.get((principal.tenant, principal.user), -math.inf):
            raise Unauthenticated(
                f"the credentials of user {principal.user!r} were ended after this one was made: "
                "get a new one"
            )


def refusal(bearer: str | None) -> Unauthenticated:
    """What is wrong with a credential that is no key, and what to do."""
    if not bearer:
        return Unauthenticated(f"no credential: {_HOW}")
    if bearer.startswith(GRANT_PREFIX):
        return Unauthenticated(
            "this is the grant of a task, which only the routes below /callback take: " + _HOW
        )
    return Unauthenticated(f"this key is not known here: {_HOW}")


def bearer_token(authorization: str | None) -> str | None:
    """The token of an Authorization header; None where there is no header.

    Raises Unauthenticated for another scheme than Bearer.
    """
    if authorization is None:
        return None
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(f"the Authorization header holds no bearer token: {_HOW}")
    return token.strip()


def admin_key(home: Path) -> str:
    """The secret in `admin.key` of the state folder, made on first use.

    Raises InvalidRequest, naming the file, where others can read it.
    """
    return keyfile.kept(home / "admin.key", lambda: PREFIX + keyfile.random_text())


def hash_of(secret: str) -> str:
    """What is kept of a secret."""
    return "sha256:" + hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
