"""Every way to forge a token that is known, against real keys and a real
issuer: refused, and only for that reason."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catnap.access import Credentials, KeyRing, Principal, oidc
from catnap.errors import Unauthenticated
from tests.access.issuer import (
    AUDIENCE,
    KEYS,
    NOW,
    OTHER_RSA,
    Issuer,
    base64url,
    jwk,
    serving,
    signed,
)

ALL = ("RS256", "ES256", "EdDSA")


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with serving() as issuer:
        issuer.show(*(jwk(alg, KEYS[alg], f"{alg}-key") for alg in ALL))
        yield issuer


@pytest.fixture
async def credentials(issuer: Issuer) -> AsyncIterator[Credentials]:
    trusted = oidc.Issuer(
        issuer=issuer.url, audience=AUDIENCE, algorithms=ALL, tenant="acme", roles=("caller",)
    )
    credentials = Credentials(KeyRing([]), issuers=[trusted])
    yield credentials
    await credentials.close()


def good(issuer: Issuer, alg: str = "RS256", **changed: Any) -> str:
    return issuer.token(alg, **{"kid": f"{alg}-key", **changed})


@pytest.mark.parametrize("alg", ALL)
async def test_a_token_of_the_issuer_says_who_calls(
    credentials: Credentials, issuer: Issuer, alg: str
) -> None:
    assert await credentials.authenticate(good(issuer, alg), NOW) == Principal(
        "acme", "ada", frozenset({"caller"}), f"token of ada by {issuer.url}"
    )


def unsigned(issuer: Issuer, alg: str) -> str:
    header = json.dumps({"alg": alg, "kid": "RS256-key"})
    return f"{base64url(header)}.{base64url(json.dumps(issuer.claims()))}."


def confused(issuer: Issuer, secret: bytes) -> str:
    """Signed with HS256, and with what everybody knows as the secret."""
    text = ".".join(
        map(
            base64url,
            (json.dumps({"alg": "HS256", "kid": "RS256-key"}), json.dumps(issuer.claims())),
        )
    )
    return f"{text}.{base64url(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def pem() -> bytes:
    return (
        KEYS["RS256"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


MINE = jwk("RS256", OTHER_RSA, "RS256-key")
ATTACKS: dict[str, tuple[Callable[[Issuer], str], str]] = {
    "none": (lambda it: unsigned(it, "none"), "signed with 'none'"),
    "None": (lambda it: unsigned(it, "None"), "signed with 'None'"),
    "no algorithm": (lambda it: unsigned(it, ""), "signed with ''"),
    "no signature": (lambda it: good(it).rpartition(".")[0] + ".", "signature is wrong"),
    "HS256 with the public key": (lambda it: confused(it, pem()), "signed with 'HS256'"),
    "HS256 with the JWK": (
        lambda it: confused(it, json.dumps(jwk("RS256", KEYS["RS256"], "RS256-key")).encode()),
        "signed with 'HS256'",
    ),
    "HS256 with nothing": (lambda it: confused(it, b""), "signed with 'HS256'"),
    "RS512 where RS256 is agreed": (
        lambda it: signed(
            {"alg": "RS512", "kid": "RS256-key"}, it.claims(), "RS512", KEYS["RS512"]
        ),
        "signed with 'RS512'",
    ),
    "another key of the issuer": (
        lambda it: signed(
            {"alg": "RS256", "kid": "ES256-key"}, it.claims(), "RS256", KEYS["RS256"]
        ),
        "no such key",
    ),
    "a foreign key by the issuer's name for its own": (
        lambda it: good(it, key=OTHER_RSA),
        "signature is wrong",
    ),
    "a key that the token brings (jwk)": (
        lambda it: good(it, key=OTHER_RSA, header={"jwk": MINE}),
        "signature is wrong",
    ),
    "a key that the token points to (jku)": (
        lambda it: good(it, key=OTHER_RSA, header={"jku": f"{it.url}/mine"}),
        "signature is wrong",
    ),
    "a certificate that it points to (x5u)": (
        lambda it: good(it, key=OTHER_RSA, header={"x5u": f"{it.url}/mine"}),
        "signature is wrong",
    ),
    "a certificate that it brings (x5c)": (
        lambda it: good(it, key=OTHER_RSA, header={"x5c": ["MIIB"]}),
        "signature is wrong",
    ),
    "a name of a key that is a path": (lambda it: good(it, kid="../../dev/null"), "no such key"),
    "a name of a key that is SQL": (lambda it: good(it, kid="' OR 1=1 --"), "no such key"),
    "a name of a key that is an address": (lambda it: good(it, kid=f"{it.url}/mine"), "no such"),
    "a name of a key with a zero": (lambda it: good(it, kid="RS256-key\0"), "no such key"),
    "no name of a key": (lambda it: good(it, kid=None), "no `kid`"),
    "an empty name of a key": (lambda it: good(it, kid=""), "no `kid`"),
    "a name of a key that is no text": (
        lambda it: good(it, header={"kid": ["RS256-key"]}),
        "no JS",
    ),
    "an extension that has to be understood": (
        lambda it: good(it, header={"crit": ["exp"], "exp": 1}),
        "crit",
    ),
    "a payload that is not encoded": (
        lambda it: good(it, header={"b64": False, "crit": ["b64"]}),
        "crit",
    ),
    "b64 without crit": (lambda it: good(it, header={"b64": False}), "cannot be verified"),
    "another audience": (lambda it: good(it, aud="other"), "for 'other'.*audience 'catnap'"),
    "other audiences": (lambda it: good(it, aud=["a", "catnap2"]), "audience"),
    "an audience that is none": (lambda it: good(it, aud={"catnap": 1}), "no JSON Web Token"),
    "no audience": (lambda it: good(it, aud=None), "audience"),
    "a look-alike of the issuer": (lambda it: good(it, iss=it.url + "/"), "issuer"),
    "another issuer": (lambda it: good(it, iss="https://evil.example"), "issuer"),
    "no issuer": (lambda it: good(it, iss=None), "issuer"),
    "expired": (lambda it: good(it, exp=NOW), "expired"),
    "expired long ago": (lambda it: good(it, exp=1), "expired"),
    "no end": (lambda it: good(it, exp=None), "no `exp`"),
    "an end that is no number": (lambda it: good(it, exp="9999999999"), "no JSON Web Token"),
    "an end that is a truth": (lambda it: good(it, exp=True), "no JSON Web Token"),
    "not good yet": (lambda it: good(it, nbf=NOW + 60), "not good yet"),
    "made in the future": (lambda it: good(it, iat=NOW + 60), "not good yet"),
    "no subject": (lambda it: good(it, sub=None), "'sub'"),
    "a subject that is no text": (lambda it: good(it, sub=["ada"]), "'sub'"),
    "a subject with a line break": (lambda it: good(it, sub="ada\nadmin"), "'sub'"),
    "too long": (lambda it: good(it, filler="x" * 20_000), "longer than"),
    "two payloads": (lambda it: good(it) + ".x", "not known here"),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_an_attack_is_refused(credentials: Credentials, issuer: Issuer, attack: str) -> None:
    issuer.answer("/mine", {"keys": [MINE]})
    forge, said = ATTACKS[attack]
    for _ in range(2):  # what was refused is not remembered as good
        with pytest.raises(Unauthenticated, match=said):
            await credentials.authenticate(forge(issuer), NOW)
    assert "/mine" not in issuer.reads


async def test_claims_of_one_token_do_not_go_with_the_signature_of_another(
    credentials: Credentials, issuer: Issuer
) -> None:
    head, _, signature = good(issuer).split(".")
    _, payload, _ = good(issuer, sub="root").split(".")
    with pytest.raises(Unauthenticated, match="signature is wrong"):
        await credentials.authenticate(f"{head}.{payload}.{signature}", NOW)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_change_of_a_token_makes_another_good_one(
    credentials: Credentials, issuer: Issuer, data: st.DataObject
) -> None:
    token = good(issuer, data.draw(st.sampled_from(ALL)))
    at = data.draw(st.integers(0, len(token) - 1))
    put = data.draw(st.text("eyJ.-_=A0a\0é ", max_size=3))
    changed = token[:at] + put + token[at + data.draw(st.integers(0, 3)) :]
    with contextlib.suppress(Unauthenticated):
        # Base64 has more than one spelling of the same bytes.
        found = await credentials.authenticate(changed, NOW)
        assert found == await credentials.authenticate(token, NOW)


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ({"kty": "oct", "kid": "one", "k": base64url("secret" * 8)}, "no such key"),
        (jwk("RS256", KEYS["RS256"], "one", use="enc"), "no such key"),
        ({**jwk("RS256", KEYS["RS256"], "one"), "alg": "RS512"}, "no such key"),
        (jwk("RS256", KEYS["RS256"], "one", key_ops=["encrypt"]), "no such key"),
        (jwk("ES256", KEYS["ES256"], "one"), "no such key"),
        (jwk("RS256", rsa.generate_private_key(65537, 1024), "one"), "verified|wrong"),
        ({"kty": "RSA", "kid": "one", "n": "AQ", "e": ""}, "no such key"),
        ({"kty": "RSA", "kid": "one"}, "no such key"),
        ({"kty": ["RSA"], "kid": "one"}, "no such key"),
        (["RSA"], "no such key"),
        ({**jwk("RS256", KEYS["RS256"], "one"), "kid": None}, "no such key"),
    ],
)
async def test_a_key_that_is_not_for_this_is_none(shown: Any, said: str) -> None:
    with serving() as issuer:
        issuer.show(shown)
        trusted = oidc.Issuer(issuer=issuer.url, audience=AUDIENCE, tenant="acme")
        credentials = Credentials(KeyRing([]), issuers=[trusted])
        with pytest.raises(Unauthenticated, match=said):
            await credentials.authenticate(issuer.token(), NOW)
