"""What a skill's pod cannot do."""

from __future__ import annotations

import subprocess

import pytest

from tests.cluster.deployed import Deployed
from tests.cluster.kube import get, kubectl, pods


def test_a_pod_has_no_token_no_root_and_nowhere_to_write(deployed: Deployed) -> None:
    with deployed.client() as client:
        found = client.invoke("confined", {}).json()
    assert found["uid"] > 0
    assert not found["token"]
    assert found["writable"] == []
    assert not [mount for mount in found["mounts"] if "secret" in mount]
    [pod] = pods(deployed.namespace, "confined")[:1]
    assert pod["spec"]["automountServiceAccountToken"] is False


@pytest.mark.parametrize("right", ["get secrets", "list secrets", "get pods", "create pods"])
def test_a_skill_has_no_rights_at_the_api_server(deployed: Deployed, right: str) -> None:
    account = f"system:serviceaccount:{deployed.namespace}:default"
    done = subprocess.run(
        ["kubectl", "auth", "can-i", *right.split(), "-n", deployed.namespace, "--as", account],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "no"


def test_a_skill_names_no_secret_and_so_reads_none(deployed: Deployed) -> None:
    """A Secret of another skill in the same namespace is in nobody's pod."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "of-another", "namespace": deployed.namespace},
        "stringData": {"OF_ANOTHER": "hidden"},
    }
    kubectl("apply", "-f", "-", given=secret)
    with deployed.client() as client:
        assert "OF_ANOTHER" not in client.invoke("confined", {}).json()["environment"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("example.org", "403"),  # not on the skill's list
        ("kubernetes.default.svc.cluster.local", "403"),
        ("169.254.169.254", "403"),
    ],
)
def test_the_proxy_lets_a_skill_reach_what_its_manifest_names_only(
    deployed: Deployed, host: str, status: str
) -> None:
    with deployed.client() as client:
        answer = client.invoke("confined", {"connect": host}).json()["answer"]
    assert answer.split()[1] == status


def test_a_host_that_the_manifest_names_is_looked_up(deployed: Deployed) -> None:
    """The name does not exist: it was allowed, and the proxy looked for it."""
    with deployed.client() as client:
        answer = client.invoke("confined", {"connect": "allowed.example.com"}).json()["answer"]
    assert answer.split()[1] in {"200", "502", "503", "504"}


def test_every_pod_of_ours_is_refused_nothing_by_the_strictest_standard(
    deployed: Deployed,
) -> None:
    for namespace in (deployed.install, deployed.namespace):
        labels = get("namespace", namespace)["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_tenants_are_denied_all_traffic_by_default(deployed: Deployed) -> None:
    policies = get("networkpolicies", "-n", deployed.namespace)["items"]
    denied = [each["spec"] for each in policies if each["spec"]["podSelector"] == {}]
    assert {kind for spec in denied for kind in spec["policyTypes"]} == {"Ingress", "Egress"}
