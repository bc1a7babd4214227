"""What a JSON Web Token says, and whether that is for us now.

Source: RFC 7515 (header), RFC 7519, 4.1 (claims), RFC 8725 (what goes wrong).
Nothing here is proven: that is the signature's.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from catnap.errors import Unauthenticated

T = TypeVar("T")
LONGEST = 16 * 1024
"""Bytes of a token."""

SKEW = 30.0
"""Seconds by which an issuer's clock may be ahead of ours. None by which it
may be behind: what has expired has expired."""


class Header(msgspec.Struct, frozen=True):
    """Of a token. Where it says that its key is (`jwk`, `jku`, `x5c`, `x5u`) is
    not read: whoever forges a token writes that, too."""

    alg: str = ""
    kid: str = ""
    crit: msgspec.Raw = msgspec.Raw()


class Claims(msgspec.Struct, frozen=True):
    """exp, nbf, iat: seconds since the epoch. exp has to be there."""

    iss: str = ""
    aud: str | list[str] = ""
    exp: float | None = None
    nbf: float = 0.0
    iat: float = 0.0


def is_token(credential: str) -> bool:
    """Whether it looks like one: a JSON object in base64 begins with an e."""
    return credential.startswith("e") and credential.count(".") == 2


def header_of(token: str) -> Header:
    """Raises Unauthenticated."""
    header = _part(token, 0, Header)
    if header.crit:
        # Extensions that have to be understood, and we understand none.
        raise Unauthenticated("the token's header has a `crit`, which is not taken here")
    return header


def claims_of(token: str) -> Claims:
    """As the token says, not proven. Raises Unauthenticated."""
    return _part(token, 1, Claims)


def check_claims(payload: bytes, issuer: str, audience: str, now: float) -> Mapping[str, Any]:
    """All claims of a token whose signature was found good.

    now: seconds since the epoch. Raises Unauthenticated, saying which claim is
    not as it has to be.
    """
    claims = _decoded(payload, Claims)
    if claims.iss != issuer:
        raise Unauthenticated(f"the token is of issuer {claims.iss[:200]!r}, not {issuer!r}")
    check_audience(claims, audience)
    check_time(claims, now)
    return _decoded(payload, dict[str, Any])


def check_audience(claims: Claims, audience: str) -> None:
    if audience not in ([claims.aud] if isinstance(claims.aud, str) else claims.aud):
        raise Unauthenticated(
            f"the token is for {str(claims.aud)[:200]!r}: it has to be for audience {audience!r}"
        )


def check_time(claims: Claims, now: float) -> float:
    """Gives the token's end."""
    if claims.exp is None:
        raise Unauthenticated("the token has no `exp`: it has to end some time")
    if claims.exp <= now:
        raise Unauthenticated("the token has expired")
    if max(claims.nbf, claims.iat) > now + SKEW:
        raise Unauthenticated("the token is not good yet: its `nbf` or `iat` is in the future")
    return claims.exp


def _part(token: str, number: int, kind: type[T]) -> T:
    if len(token) > LONGEST:
        raise Unauthenticated(f"the token is longer than {LONGEST} bytes")
    part = token.split(".")[number]
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):
        raise _no_token() from None
    return _decoded(decoded, kind)


def _decoded(raw: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _no_token() from None


def _no_token() -> Unauthenticated:
    return Unauthenticated("the token is no JSON Web Token")
