"""Events from a Broker of the cluster, proven by a Trigger's service account."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from catnap.services.cluster.names import audience_of
from tests.cluster.deployed import Deployed
from tests.cluster.kube import kubectl

EVENT = {"ce-specversion": "1.0", "ce-source": "/broker", "ce-type": "test.keep"}


@pytest.fixture(scope="module")
def account(deployed: Deployed) -> Iterator[str]:
    kubectl("create", "serviceaccount", "a-trigger", "-n", deployed.namespace)
    yield "a-trigger"
    kubectl("delete", "serviceaccount", "a-trigger", "-n", deployed.namespace)


def token(account: str, namespace: str, audience: str) -> str:
    made = kubectl("create", "token", account, "-n", namespace, f"--audience={audience}")
    return made.strip()


async def deliver(deployed: Deployed, key: str) -> tuple[int, bytes]:
    headers = {**EVENT, "ce-id": uuid.uuid4().hex}
    status, _, said = await deployed.request(
        "POST", "/events/keeper/keep", {"name": "kept"}, headers, key=key
    )
    return status, said


async def test_a_triggers_account_delivers_to_its_namespaces_tenant(
    deployed: Deployed, account: str
) -> None:
    key = token(account, deployed.namespace, audience_of(deployed.install))
    status, said = await deliver(deployed, key)
    assert status == 202, said


async def test_a_token_for_somebody_else_is_refused(deployed: Deployed, account: str) -> None:
    key = token(account, deployed.namespace, "https://somebody.example")
    status, said = await deliver(deployed, key)
    assert status == 401
    assert audience_of(deployed.install).encode() in said


async def test_an_account_of_no_tenants_namespace_is_refused(deployed: Deployed) -> None:
    key = token("default", "default", audience_of(deployed.install))
    status, said = await deliver(deployed, key)
    assert (status, b"default/default" in said) == (401, True)


async def test_a_token_that_the_cluster_did_not_sign_is_refused(
    deployed: Deployed, account: str
) -> None:
    key = token(account, deployed.namespace, audience_of(deployed.install))
    head, payload, _ = key.split(".")
    status, _ = await deliver(deployed, f"{head}.{payload}.{'A' * 342}")
    assert status == 401
