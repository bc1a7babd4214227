"""Tokens of an OIDC issuer: whom they make of who has one, and for how long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from catnap.access import Credentials, Key, KeyRing, Principal, oidc
from catnap.access.jwks import KEEP, PAUSE, REFRESH
from catnap.access.jwks_read import LONGEST
from catnap.access.oidc_tokens import MAX_KNOWN, Tokens
from catnap.errors import InvalidRequest, Unauthenticated, Unavailable
from tests.access.issuer import AUDIENCE, KEYS, NOW, OTHER_RSA, Issuer, jwk, serving
from tests.certificate import certify


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with serving() as issuer:
        yield issuer


def trusting(issuer: Issuer, **changed: Any) -> oidc.Issuer:
    given = {"issuer": issuer.url, "audience": AUDIENCE, "tenant": "acme", **changed}
    return oidc.Issuer(**given)


async def who(token: str, trusted: oidc.Issuer, now: float = NOW) -> Principal:
    return await Credentials(KeyRing([]), issuers=[trusted]).authenticate(token, now)


@pytest.mark.parametrize("alg", sorted(KEYS))
async def test_each_algorithm_that_was_agreed_is_verified(issuer: Issuer, alg: str) -> None:
    issuer.show(jwk(alg, KEYS[alg], "one"))
    assert (await who(issuer.token(alg), trusting(issuer, algorithms=(alg,)))).user == "ada"
    forged = issuer.token(alg)[:-9] + "A" * 9
    with pytest.raises(Unauthenticated, match="signature is wrong"):
        await who(forged, trusting(issuer, algorithms=(alg,)))


@pytest.mark.parametrize(
    ("settings", "claims", "expected"),
    [
        ({}, {}, ("acme", "ada", set())),
        ({"user_claim": ""}, {}, ("acme", None, set())),
        ({"user_claim": "email"}, {"email": "a@b.example"}, ("acme", "a@b.example", set())),
        (
            {"user_claim": "email"},
            {"email": "a@b.example", "email_verified": True},
            ("acme", "a@b.example", set()),
        ),
        (
            {"role_claim": "scope", "role_map": {"call": ("caller",)}},
            {"scope": "not\u00a0call"},
            ("acme", "ada", set()),
        ),
        ({"tenant": "", "tenant_claim": "org"}, {}, ("acme", "ada", set())),
        (
            {"tenant": "", "tenant_claim": ("org", "id"), "tenants": ("acme*",)},
            {"org": {"id": "acme-2"}},
            ("acme-2", "ada", set()),
        ),
        ({"roles": ("viewer",)}, {"roles": ["admin"]}, ("acme", "ada", {"viewer"})),
        (
            {
                "roles": ("viewer",),
                "role_claim": ("realm_access", "roles"),
                "role_map": {"ops": ("operator", "caller:a-*"), "root": ("admin",)},
            },
            {"realm_access": {"roles": ["ops", "admin", 7]}},
            ("acme", "ada", {"viewer", "operator", "caller:a-*"}),
        ),
        (
            {"role_claim": "scope", "role_map": {"call": ("caller",)}},
            {"scope": "openid call"},
            ("acme", "ada", {"caller"}),
        ),
        ({"role_claim": "scope", "role_map": {"call": ("caller",)}}, {}, ("acme", "ada", set())),
        (
            {"role_claim": "scope", "role_map": {"call": ("caller",)}},
            {"scope": {"call": True}},
            ("acme", "ada", set()),
        ),
    ],
)
async def test_claims_make_a_tenant_a_user_and_roles(
    issuer: Issuer, settings: dict[str, Any], claims: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    found = await who(issuer.token(**claims), trusting(issuer, **settings))
    assert (found.tenant, found.user, set(found.roles)) == expected


@pytest.mark.parametrize(
    ("settings", "claims", "said"),
    [
        ({"tenant": "", "tenant_claim": "org"}, {"org": None}, "'org', the tenant"),
        ({"tenant": "", "tenant_claim": "org"}, {"org": ["acme"]}, "'org', the tenant"),
        ({"tenant": "", "tenant_claim": "org"}, {"org": ""}, "'org'"),
        ({"tenant": "", "tenant_claim": "org"}, {"org": "a\0"}, "'org'"),
        (
            {"tenant": "", "tenant_claim": "org", "tenants": ("acme", "beta-*")},
            {"org": "rival"},
            "may not speak for tenant 'rival'",
        ),
        ({"user_claim": "email"}, {}, "'email', the user"),
        ({"user_claim": "email"}, {"email": "x" * 300}, "'email'"),
        ({"user_claim": ("a", "b")}, {"a": "text"}, r"\('a', 'b'\)"),
    ],
)
async def test_without_the_claims_that_it_needs_a_token_is_nobodys(
    issuer: Issuer, settings: dict[str, Any], claims: dict[str, Any], said: str
) -> None:
    with pytest.raises(Unauthenticated, match=said):
        await who(issuer.token(**claims), trusting(issuer, **settings))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"issuer": ""}, "issuer"),
        ({"issuer": "http://login.example.com"}, "https"),
        ({"issuer": "https://"}, "https"),
        ({"issuer": "file:///etc/passwd"}, "https"),
        ({"jwks": "ftp://login.example.com/keys"}, "https"),
        ({"jwks": "http://login.example.com/keys"}, "https"),
        ({"jwks": "https://user:pass@login.example.com/"}, "https"),
        ({"jwks": "https://[x/"}, "https"),
        ({"audience": ""}, "audience"),
        ({"algorithms": ()}, "algorithms"),
        ({"algorithms": ("none",)}, "algorithms: none"),
        ({"algorithms": ("RS256", "HS256")}, "algorithms: HS256"),
        ({"tenant_claim": "org"}, "one of them"),
        ({"tenant": ""}, "one of them"),
        ({"tenant": "a\0"}, "tenant"),
        ({"roles": ("Admin",)}, "role"),
        ({"role_claim": "r", "role_map": {"a": ("A",)}}, "role"),
        ({"role_map": {"a": ("caller",)}}, "role_claim"),
        ({"role_claim": "r"}, "role_map"),
        ({"keep": 0}, "keep"),
        ({"keep": float("nan")}, "keep"),
    ],
)
def test_an_issuer_that_cannot_be_is_refused(changed: dict[str, Any], named: str) -> None:
    given = {"issuer": "https://login.example.com", "audience": AUDIENCE, "tenant": "acme"}
    with pytest.raises(InvalidRequest, match=named):
        oidc.Issuer(**{**given, **changed})


def test_an_issuer_is_named_once(issuer: Issuer) -> None:
    with pytest.raises(InvalidRequest, match="twice"):
        Tokens([trusting(issuer), trusting(issuer, audience="other")])


@pytest.fixture
async def credentials(issuer: Issuer) -> AsyncIterator[Credentials]:
    credentials = Credentials(KeyRing([]), issuers=[trusting(issuer)])
    yield credentials
    await credentials.close()


async def test_a_token_that_was_seen_is_good_until_it_expires(
    credentials: Credentials, issuer: Issuer
) -> None:
    token = issuer.token(exp=NOW + 60)
    first = await credentials.authenticate(token, NOW)
    assert await credentials.authenticate(token, NOW + 59) is first
    for seconds in (60, 61):
        with pytest.raises(Unauthenticated, match="expired"):
            await credentials.authenticate(token, NOW + seconds)


async def test_a_token_that_was_seen_is_good_no_longer_than_its_key(
    credentials: Credentials, issuer: Issuer
) -> None:
    token, long = issuer.token(exp=NOW + 10_000), NOW + REFRESH + PAUSE
    await credentials.authenticate(token, NOW)
    issuer.show(jwk("RS256", OTHER_RSA, "one"))  # of the same name
    with pytest.raises(Unauthenticated, match="no such key"):
        await credentials.authenticate(issuer.token(kid="two"), long)  # has the keys read
    with pytest.raises(Unauthenticated, match="signature is wrong"):
        await credentials.authenticate(token, long)
    issuer.show()
    with pytest.raises(Unauthenticated, match="no such key"):
        await credentials.authenticate(issuer.token(kid="two"), long + PAUSE)
    with pytest.raises(Unauthenticated, match="no such key"):
        await credentials.authenticate(token, long + PAUSE)


async def test_a_token_that_was_seen_outlives_an_outage_for_an_hour(
    credentials: Credentials, issuer: Issuer
) -> None:
    token = issuer.token(exp=NOW + 10 * KEEP)
    await credentials.authenticate(token, NOW)
    issuer.go_down()
    assert await credentials.authenticate(token, NOW + KEEP - 1)
    with pytest.raises(Unauthenticated, match="no such key"):
        await credentials.authenticate(issuer.token(kid="new", exp=NOW + 10 * KEEP), NOW + KEEP - 1)
    with pytest.raises(Unavailable, match="answers 503"):
        await credentials.authenticate(token, NOW + KEEP + PAUSE)


async def test_only_so_many_tokens_are_remembered(issuer: Issuer) -> None:
    tokens = Tokens([trusting(issuer, algorithms=("EdDSA",))])
    issuer.show(jwk("EdDSA", KEYS["EdDSA"], "one"))
    for number in range(MAX_KNOWN + 10):
        await tokens.authenticate(issuer.token("EdDSA", n=number), NOW)
    assert len(tokens) == MAX_KNOWN


async def test_keys_come_over_https_from_who_can_prove_to_be_the_issuer(tmp_path: Path) -> None:
    certificate = certify(tmp_path, "localhost")
    with serving(certificate.context, "localhost") as issuer:
        trusted = trusting(issuer, ca=str(certificate.file))
        assert (await who(issuer.token(), trusted)).user == "ada"
        with pytest.raises(Unavailable, match=r"CERTIFICATE_VERIFY_FAILED"):
            await who(issuer.token(), trusting(issuer))
    other = tmp_path / "other"
    other.mkdir()
    with serving(certify(other, "login.example.com").context, "localhost") as impostor:
        file = str(other / "cert.pem")
        with pytest.raises(Unavailable, match=r"doesn't match|not valid for"):
            await who(impostor.token(), trusting(impostor, ca=file))


async def test_keys_can_be_read_without_discovery(issuer: Issuer) -> None:
    issuer.answer("/.well-known/openid-configuration", {}, 404)
    assert await who(issuer.token(), trusting(issuer, jwks=f"{issuer.url}/keys"))


@pytest.mark.parametrize(
    ("path", "document", "status", "headers", "said"),
    [
        ("/keys", b"", 500, {}, "answers 500"),
        ("/keys", b"", 302, {"location": "http://127.0.0.1:1/"}, "answers 302"),
        ("/keys", b"<html>", 200, {}, "no JWK set"),
        ("/keys", b'{"keys": 1}', 200, {}, "no JWK set"),
        ("/keys", b"[" * 1000, 200, {}, "no JWK set"),
        ("/keys", b" " * (LONGEST + 1), 200, {}, "more than"),
        ("/.well-known/openid-configuration", b"\xff", 200, {}, "discovery document"),
        (
            "/.well-known/openid-configuration",
            {"issuer": "https://evil.example", "jwks_uri": "https://evil.example/keys"},
            200,
            {},
            "discovery document is of issuer 'https://evil.example'",
        ),
    ],
)
async def test_an_issuer_that_answers_something_else_is_unavailable(
    issuer: Issuer, path: str, document: Any, status: int, headers: dict[str, str], said: str
) -> None:
    issuer.answer(path, document, status, **headers)
    with pytest.raises(Unavailable, match=said):
        await who(issuer.token(), trusting(issuer))


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "http://login.example.com/keys", "keys", ""])
async def test_discovery_leads_to_no_place_that_proves_nothing(issuer: Issuer, uri: str) -> None:
    found = {"issuer": issuer.url, "jwks_uri": uri}
    issuer.answer("/.well-known/openid-configuration", found)
    with pytest.raises(Unavailable, match="no https"):
        await who(issuer.token(), trusting(issuer))


async def test_one_broken_key_takes_no_other_along(issuer: Issuer) -> None:
    issuer.show({"kty": "RSA", "kid": "zero"}, jwk("RS256", KEYS["RS256"], "one"))
    assert await who(issuer.token(), trusting(issuer))


@pytest.mark.parametrize("verified", [False, "true", 1])
async def test_an_address_that_nobody_verified_is_no_user(issuer: Issuer, verified: object) -> None:
    token = issuer.token(email="boss@acme.example", email_verified=verified)
    with pytest.raises(Unauthenticated, match="has not verified"):
        await who(token, trusting(issuer, user_claim="email"))


async def test_a_tenant_or_user_called_each_is_nobody(issuer: Issuer) -> None:
    """Who asks for `*` is shown all: that may be nobody's own name."""
    trusted = trusting(issuer, tenant="", tenant_claim="org")
    for claims in ({"org": "*"}, {"sub": "*"}):
        with pytest.raises(Unauthenticated, match="stands for each"):
            await who(issuer.token(**claims), trusted)
    with pytest.raises(InvalidRequest, match="stands for each"):
        Key.of("key-of-each-0123456789", name="each", roles=("viewer",), tenant="*")
