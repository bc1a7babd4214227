"""Tokens of the issuers that the settings name."""

from __future__ import annotations

import asyncio
import functools
import hashlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from catnap.access.jwks import Jwks
from catnap.access.jwks_read import read_jwks
from catnap.access.jwt_claims import check_claims, claims_of, header_of
from catnap.access.jwt_keys import KeyName, SigningKey, read_keys, verify
from catnap.access.oidc import Issuer
from catnap.access.principal import Principal
from catnap.errors import InvalidRequest, Unauthenticated

MAX_KNOWN = 4096
"""Tokens whose principal is remembered."""


class _Source(NamedTuple):
    """An issuer, and its keys as they are now."""

    issuer: Issuer
    keys: Jwks[KeyName, SigningKey]


class Known(NamedTuple):
    """What a token was found to be, until it expires or its key is no more.
    made: seconds since the epoch; 0 where it does not say."""

    principal: Principal
    made: float
    expires: float
    source: _Source
    name: KeyName
    key: bytes


class Tokens:
    def __init__(self, issuers: Iterable[Issuer]) -> None:
        self._sources: dict[str, _Source] = {}
        for each in issuers:
            if each.issuer in self._sources:
                raise InvalidRequest(f"[[issuers]]: {each.issuer} is named twice")
            self._sources[each.issuer] = _Source(each, _keys(each))
        self._known: OrderedDict[bytes, Known] = OrderedDict()

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._known)

    async def authenticate(self, token: str, now: float) -> Known | None:
        """Whose token it is; None where its issuer is none of ours.

        now: seconds since the epoch. Raises Unauthenticated, saying what is
        wrong, and Unavailable where the issuer's keys cannot be read.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is None:
            return await self._seen_first(token, digest, now)
        key = await known.source.keys.find(known.name, now)
        # Asked for again: others may have taken it out while we waited.
        if now < known.expires and key.text == known.key and digest in self._known:
            self._known.move_to_end(digest)
            return known
        self._known.pop(digest, None)
        return await self._seen_first(token, digest, now)

    async def close(self) -> None:
        for each in self._sources.values():
            await each.keys.close()

    async def _seen_first(self, token: str, digest: bytes, now: float) -> Known | None:
        source = self._sources.get(claims_of(token).iss)
        if source is None:
            return None
        issuer, header = source.issuer, header_of(token)
        if header.alg not in issuer.algorithms:
            raise Unauthenticated(
                f"the token is signed with {header.alg[:20]!r}: issuer {issuer.issuer} signs with "
                f"{' or '.join(issuer.algorithms)}"
            )
        if not header.kid:
            raise Unauthenticated("the token's header has no `kid`: it has to name its key")
        name = KeyName(header.kid, header.alg)
        key = await source.keys.find(name, now)
        claims = check_claims(verify(token, key), issuer.issuer, issuer.audience, now)
        made, expires = float(claims.get("iat", 0)), float(claims["exp"])
        known = Known(issuer.principal(claims), made, expires, source, name, key.text)
        self._known[digest] = known
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
        return known


def _keys(issuer: Issuer) -> Jwks[KeyName, SigningKey]:
    read = functools.partial(read_jwks, issuer.issuer, issuer.jwks, issuer.ca)

    async def keys() -> dict[KeyName, SigningKey]:
        return read_keys(await asyncio.to_thread(read), issuer.algorithms)

    return Jwks(issuer.issuer, keys, issuer.keep)
