"""Algorithms of signatures that only an issuer can make.

No `none`, and none of HS*: a secret that verifies also signs, and a public key
must never be taken for one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RSA: Mapping[str, Any] = {"kty": "RSA"}
ALGORITHMS: Mapping[str, Mapping[str, Any]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), _RSA),
    "ES256": {"kty": "EC", "crv": "P-256"},
    "ES384": {"kty": "EC", "crv": "P-384"},
    "ES512": {"kty": "EC", "crv": "P-521"},
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
}
"""Each with what a key for it says of itself. Source: RFC 7518, 3.1 and 6.1,
and RFC 8037."""


def fits(jwk: Mapping[str, Any], alg: str) -> bool:
    """Whether signatures of the algorithm are verified with this JSON Web Key."""
    kid, operations = jwk.get("kid"), jwk.get("key_ops", ["verify"])
    return (
        isinstance(kid, str)
        and kid != ""
        and "d" not in jwk
        and jwk.get("alg", alg) == alg
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and all(jwk.get(name) == value for name, value in ALGORITHMS[alg].items())
    )
