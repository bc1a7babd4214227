"""Clients that are known by the names in their certificates."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from catnap.access import Credentials, Key, KeyRing, Principal
from catnap.access.mtls import ClientName
from catnap.access.mtls_certificates import read
from catnap.errors import InvalidRequest, Unauthenticated
from tests.authority import LONG, Authority

NOW = 1_700_000_000.0
"""Before any certificate of a test ends."""

AGENT = "spiffe://acme.example/agents/planner"
RULES = (
    ClientName(name="spiffe://acme.example/agents/boss", tenant="acme", roles=("operator",)),
    ClientName(name="spiffe://acme.example/agents/*", tenant="acme", roles=("caller",), user="ada"),
    ClientName(name="*.Rival.example", tenant="rival", roles=("viewer", "caller:report-*")),
)
SECRET = "key-of-somebody-0123456789"
KEYS = KeyRing([Key.of(SECRET, name="other", roles=("viewer",), tenant="rival")])


async def who(
    certificate: bytes, bearer: str | None = None, now: float = NOW, rules: object = RULES
) -> Principal:
    assert isinstance(rules, tuple)
    return await Credentials(KEYS, clients=rules).authenticate(bearer, now, certificate)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def shown(authority: Authority, *names: str, lasts: timedelta = LONG) -> bytes:
    return authority.issue("client", *names, lasts=lasts).cert.read_bytes()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((AGENT,), ("acme", "ada", {"caller"})),
        (("spiffe://acme.example/agents/boss",), ("acme", None, {"operator"})),
        (("other.example", "A.rival.EXAMPLE"), ("rival", None, {"viewer", "caller:report-*"})),
        ((AGENT, "a.rival.example"), ("acme", "ada", {"caller"})),
    ],
)
async def test_the_first_rule_that_is_about_one_of_its_names_says_who_it_is(
    authority: Authority, names: tuple[str, ...], expected: tuple[str, str | None, set[str]]
) -> None:
    pem = shown(authority, *names)
    for each in (pem, ssl.PEM_cert_to_DER_cert(pem.decode())):
        found = await who(each)
        assert (found.tenant, found.user, found.roles) == expected
        assert found.name.startswith("certificate of ")


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("spiffe://acme.example/jobs/x",),
        ("spiffe://acme.example.evil/agents/x",),
        ("https://a.rival.example",),
        ("rival.example",),
        ("*.rival.example",),
        ("spiffe://acme.example/agents/*",),
    ],
)
async def test_a_name_that_no_rule_is_about_is_refused_and_said(
    authority: Authority, names: tuple[str, ...]
) -> None:
    with pytest.raises(Unauthenticated, match=r"no \[\[clients\]\] of catnap.toml"):
        await who(shown(authority, *names))


async def test_a_uri_is_no_host_name_whatever_it_says(authority: Authority) -> None:
    rules = (ClientName(name="*example/agents/x", tenant="acme", roles=("admin",)),)
    with pytest.raises(Unauthenticated):
        await who(shown(authority, "spiffe://acme.example/agents/x"), rules=rules)


async def test_a_connection_does_not_outlive_its_certificate(authority: Authority) -> None:
    certificate = shown(authority, AGENT, lasts=timedelta(hours=1))
    ends = read(certificate).ends
    assert (await who(certificate, now=ends - 1)).tenant == "acme"
    with pytest.raises(Unauthenticated, match="expired"):
        await who(certificate, now=ends)


async def test_a_certificate_goes_with_its_users_other_credentials(authority: Authority) -> None:
    pem = shown(authority, AGENT)
    ring = KeyRing([])
    credentials = Credentials(ring, clients=RULES)
    for ended, good in ((read(pem).made - 1, True), (read(pem).made, False)):
        ring.change((), ended={("acme", "ada"): ended})
        if good:
            await credentials.authenticate(None, NOW, pem)
            continue
        with pytest.raises(Unauthenticated, match="were ended"):
            await credentials.authenticate(None, NOW, pem)


async def test_with_a_bearer_the_bearer_alone_says_who_calls(authority: Authority) -> None:
    certificate = shown(authority, AGENT)
    found = await who(certificate, SECRET)
    assert (found.tenant, found.roles) == ("rival", {"viewer"})
    for wrong in ("no-key-of-anybody-0123456789", ""):
        with pytest.raises(Unauthenticated):
            await who(certificate, wrong)


async def test_without_rules_a_certificate_is_nobodys(authority: Authority) -> None:
    with pytest.raises(Unauthenticated, match="no credential"):
        await who(shown(authority, AGENT), rules=())


@pytest.mark.parametrize("bad", [b"", b"-----BEGIN", b"\x30\x82", b"x" * 100])
async def test_what_is_no_certificate_is_refused(bad: bytes) -> None:
    with pytest.raises(Unauthenticated):
        await who(bad)


async def test_a_certificate_of_a_version_that_there_is_not_is_refused(
    authority: Authority,
) -> None:
    whole = ssl.PEM_cert_to_DER_cert(shown(authority, AGENT).decode())
    third, other = b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x65"
    assert third in whole
    with pytest.raises(Unauthenticated, match="version"):
        await who(whole.replace(third, other))


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": "*"}, {"name": "a\nb"}, {"tenant": ""}, {"roles": ("A",)}],
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    good = {"name": "a.example", "tenant": "acme", "roles": ("caller",)}
    with pytest.raises(InvalidRequest):
        ClientName(**(good | wrong))  # type: ignore[arg-type]
