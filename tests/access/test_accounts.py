"""Tokens of service accounts, on the word of a cluster that is played here."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from catnap.access import Accounts, Principal, is_token
from catnap.access.account_roles import AccountRoles
from catnap.access.accounts import MAX_KNOWN, TRUST
from catnap.errors import InvalidRequest, Unauthenticated, Unavailable

AUDIENCE = "catnap.dev/gateway/catnap"
NOW = 1_800_000_000.0
TENANTS = {"catnap-acme": "acme"}


def token(aud: str | list[str] = AUDIENCE, exp: float = NOW + 3600, **claims: Any) -> str:
    said = json.dumps({"aud": aud, "exp": exp, **claims}).encode()
    return f"eyJh.{base64.urlsafe_b64encode(said).rstrip(b'=').decode()}.c2ln"


class Cluster:
    """Says of every token that it is the broker's, until told otherwise."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.namespace = "catnap-acme"
        self.error: Exception | None = None
        self.go = asyncio.Event()
        self.go.set()

    async def review(self, token: str) -> tuple[str, str]:
        self.asked.append(token)
        await self.go.wait()
        if self.error:
            raise self.error
        return self.namespace, "broker"

    def accounts(self, *bound: AccountRoles) -> Accounts:
        return Accounts(AUDIENCE, self.review, lambda name: TENANTS.get(name, ""), bound)


@pytest.fixture
async def cluster() -> Cluster:
    return Cluster()


async def test_an_account_acts_for_the_tenant_of_its_namespace(cluster: Cluster) -> None:
    assert await cluster.accounts().authenticate(token(), NOW) == Principal(
        "acme", None, frozenset({"broker"}), "service account catnap-acme/broker"
    )


@pytest.mark.parametrize(
    ("namespace", "bound", "tenant", "roles"),
    [
        ("catnap-acme", [("catnap-acme/broker", ["viewer"], "")], "acme", {"broker", "viewer"}),
        ("catnap-acme", [("catnap-*/bro*", ["caller:a-*"], "")], "acme", {"broker", "caller:a-*"}),
        ("catnap-acme", [("catnap-acme/other", ["admin"], "")], "acme", {"broker"}),
        ("catnap-acme", [("*/broker", ["viewer"], "rival")], "rival", {"viewer"}),
        ("agents", [("agents/*", ["caller"], "acme")], "acme", {"caller"}),
        (
            "agents",
            [("agents/*", ["caller"], "acme"), ("*/broker", ["admin"], "rival")],
            "acme",
            {"caller"},
        ),
    ],
)
async def test_the_settings_say_what_an_account_may_and_whose_it_is(
    cluster: Cluster, namespace: str, bound: list, tenant: str, roles: set[str]
) -> None:
    cluster.namespace = namespace
    given = [AccountRoles(account=a, roles=tuple(r), tenant=t) for a, r, t in bound]
    found = await cluster.accounts(*given).authenticate(token(), NOW)
    assert (found.tenant, found.user, found.roles) == (tenant, None, roles)


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": "broker"},
        {"account": "/broker"},
        {"account": "a/"},
        {"account": "a/b/c"},
        {"account": "a/b", "roles": ("Admin",)},
        {"account": "a/b", "tenant": "\0"},
    ],
)
def test_what_binds_no_account_is_refused(wrong: dict) -> None:
    with pytest.raises(InvalidRequest):
        AccountRoles(**{"roles": ("caller",), **wrong})


async def test_an_account_of_no_tenants_namespace_is_nobody(cluster: Cluster) -> None:
    cluster.namespace = "default"
    with pytest.raises(Unauthenticated, match="default/broker is not in the namespace of a tenant"):
        await cluster.accounts().authenticate(token(), NOW)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (token(aud="https://kubernetes.default.svc"), "has to be for audience"),
        (token(aud=["a", "b"]), "has to be for audience"),
        (token(exp=NOW), "expired"),
        ("eyJ.!.x", "no JSON Web Token"),
        ("eyJ.e30", "has to be for audience"),
        (f"eyJ.{base64.urlsafe_b64encode(b'[1]').decode()}.x", "no JSON Web Token"),
    ],
)
async def test_what_is_surely_no_token_for_us_is_not_asked_about(
    cluster: Cluster, bad: str, said: str
) -> None:
    with pytest.raises(Unauthenticated, match=said):
        await cluster.accounts().authenticate(bad, NOW)
    assert cluster.asked == []


async def test_the_clusters_no_is_final_and_its_silence_is_not(cluster: Cluster) -> None:
    accounts = cluster.accounts()
    cluster.error = Unauthenticated("the cluster does not vouch for the token")
    with pytest.raises(Unauthenticated, match="does not vouch"):
        await accounts.authenticate(token(), NOW)
    cluster.error = Unavailable("the API server does not answer")
    with pytest.raises(Unavailable):
        await accounts.authenticate(token(), NOW)
    cluster.error = None
    assert await accounts.authenticate(token(), NOW)


async def test_the_clusters_word_is_good_for_a_moment(cluster: Cluster) -> None:
    accounts = cluster.accounts()
    for seconds in (0.0, 1.0, TRUST - 1):
        await accounts.authenticate(token(), NOW + seconds)
    assert len(cluster.asked) == 1
    cluster.error = Unauthenticated("the account was deleted")
    with pytest.raises(Unauthenticated, match="deleted"):
        await accounts.authenticate(token(), NOW + TRUST)


async def test_a_token_is_good_no_longer_than_it_says(cluster: Cluster) -> None:
    accounts = cluster.accounts()
    short = token(exp=NOW + 2)
    await accounts.authenticate(short, NOW)
    with pytest.raises(Unauthenticated, match="expired"):
        await accounts.authenticate(short, NOW + 2)


async def test_a_namespace_that_changes_hands_takes_its_accounts_along(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = cluster.accounts()
    await accounts.authenticate(token(), NOW)
    monkeypatch.setitem(TENANTS, "catnap-acme", "rival")
    assert (await accounts.authenticate(token(), NOW + 1)).tenant == "rival"


async def test_many_at_once_with_one_token_ask_once(cluster: Cluster) -> None:
    accounts = cluster.accounts()
    cluster.go.clear()
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(accounts.authenticate(token(), NOW))
        first = group.create_task(accounts.authenticate(token(), NOW))
        first.cancel()
        cluster.go.set()
    assert len(cluster.asked) == 1


async def test_only_so_many_tokens_are_remembered(cluster: Cluster) -> None:
    accounts = cluster.accounts()
    for number in range(MAX_KNOWN + 1):
        await accounts.authenticate(token(n=number), NOW)
    await accounts.authenticate(token(n=MAX_KNOWN), NOW)
    assert len(cluster.asked) == MAX_KNOWN + 1
    await accounts.authenticate(token(n=0), NOW)
    assert len(cluster.asked) == MAX_KNOWN + 2


def test_a_key_is_no_token() -> None:
    assert is_token(token())
    assert not is_token("catnap_0123456789abcdef")
    assert not is_token("cg1.abc.def")
