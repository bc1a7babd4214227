"""Keys of an issuer, and signatures made with them.

The one module that imports PyJWT, and so with it `cryptography`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import jwt
import msgspec

from catnap.access.jwt_algorithms import fits
from catnap.errors import Unauthenticated, Unavailable

MOST = 100
"""Keys that are read of one issuer."""

_SIGNATURES = jwt.PyJWS()


class SigningKey(NamedTuple):
    """text: the key as the issuer wrote it; another text is another key."""

    text: bytes
    jwk: jwt.PyJWK


class KeyName(NamedTuple):
    kid: str
    alg: str


class _Set(msgspec.Struct):
    keys: list[msgspec.Raw]


def read_keys(document: bytes, algorithms: Iterable[str]) -> dict[KeyName, SigningKey]:
    """The keys of a JWK set that signatures of these algorithms may be made
    with. Others are passed over: secrets, private keys, keys to encrypt with,
    and those without a name.

    Source: RFC 7517. Raises Unavailable where it is no JWK set.
    """
    try:
        entries = msgspec.json.decode(document, type=_Set).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Unavailable("what it answers is no JWK set") from None
    found: dict[KeyName, SigningKey] = {}
    for entry in entries[:MOST]:
        try:
            jwk = msgspec.json.decode(entry, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            continue
        for alg in algorithms:
            if not fits(jwk, alg):
                continue
            try:
                key = SigningKey(bytes(entry), jwt.PyJWK(jwk, alg))
            except (jwt.PyJWTError, KeyError, TypeError, ValueError):
                continue  # the others are good all the same
            found.setdefault(KeyName(jwk["kid"], alg), key)
    return found


def verify(token: str, key: SigningKey) -> bytes:
    """The payload of a token that this key has signed. Raises Unauthenticated."""
    algorithms: list[str] = [key.jwk.algorithm_name]
    try:
        decoded: Mapping[str, Any] = _SIGNATURES.decode_complete(
            token, key.jwk, algorithms, {"enforce_minimum_key_length": True}
        )
    except jwt.InvalidSignatureError:
        raise Unauthenticated("the token's signature is wrong") from None
    except jwt.PyJWTError as error:
        raise Unauthenticated(f"the token cannot be verified: {error}") from None
    payload: bytes = decoded["payload"]
    return payload
