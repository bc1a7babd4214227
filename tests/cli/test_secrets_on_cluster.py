"""catnap secrets on a cluster: Secrets of the tenant's namespace, made and changed
with the rights of whoever asks."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from catnap.services.render import service
from catnap.skills.manifest import parse_manifest
from tests.cli.conftest import Cli, Outcome
from tests.services.knative.toycluster import ToyCluster, running

NAMESPACE = "/api/v1/namespaces/catnap-default"
SERVICES = "/apis/serving.knative.dev/v1/namespaces/catnap-default/services"
SECRET = f"{NAMESPACE}/secrets/search-secrets"

Run = Callable[..., Outcome]


def deploy(cluster: ToyCluster, skill: str, *names: str) -> None:
    text = f'name = "{skill}"\ndescription = "x"\n[secrets]\nnames = {list(names)}\n'
    rendered = service(parse_manifest(text, ""), image="x", namespace="catnap-default")
    cluster.put(f"{SERVICES}/{skill}", rendered)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ToyCluster]:
    with running(tmp_path) as found:
        found.put(NAMESPACE, {})
        deploy(found, "search", "api-key", "other")
        deploy(found, "plain")
        yield found


@pytest.fixture
def at(alone: Cli, cluster: ToyCluster, monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(*argv: str, given: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
        return alone(*argv, "--kubeconfig", str(cluster.kubeconfig))

    return call


def values(secret: dict[str, Any]) -> dict[str, bytes]:
    return {name: base64.b64decode(value) for name, value in secret["data"].items()}


def states(at: Run) -> dict[tuple[str, str], str]:
    done = at("secrets", "list", "--json")
    assert done.status == 0, done.err
    return {(each["skill"], each["name"]): each["state"] for each in done.json}


def test_it_is_in_the_secret_that_the_pods_of_the_skill_are_given(
    at: Run, cluster: ToyCluster
) -> None:
    assert at("secrets", "set", "api-key", "--skill", "search", given=b"one\n").status == 0
    assert at("secrets", "set", "other", "--skill", "search", given=b"two").status == 0
    secret = cluster.get(SECRET)
    assert values(secret) == {"api-key": b"one", "other": b"two"}
    assert secret["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "catnap"
    [volume] = [
        each["secret"]
        for each in cluster.get(f"{SERVICES}/search")["spec"]["template"]["spec"]["volumes"]
        if "secret" in each
    ]
    assert volume["secretName"] == secret["metadata"]["name"]
    assert {each["key"] for each in volume["items"]} == {"api-key", "other"}


def test_another_value_replaces_it_and_what_others_have_added_stays(
    at: Run, cluster: ToyCluster
) -> None:
    mine = base64.b64encode(b"mine").decode()
    made = {"metadata": {"creationTimestamp": "2026-01-02T03:04:05Z"}, "data": {"mine": mine}}
    cluster.put(SECRET, {"apiVersion": "v1", "kind": "Secret", **made})
    for value in (b"one", b"two"):
        assert at("secrets", "set", "api-key", "--skill", "search", given=value).status == 0
    assert values(cluster.get(SECRET)) == {"mine": b"mine", "api-key": b"two"}
    assert states(at)["search", "mine"] == "set, asked for no more"


def test_what_is_set_and_what_is_asked_for_is_listed_without_values(at: Run) -> None:
    assert at("secrets", "set", "api-key", "--skill", "search", given=b"canary-0123").status == 0
    assert states(at) == {("search", "api-key"): "set", ("search", "other"): "not set"}
    listed = at("secrets", "list")
    assert "canary" not in listed.out + listed.err
    assert base64.b64encode(b"canary-0123").decode() not in listed.out


def test_removing_takes_one_and_no_other(at: Run, cluster: ToyCluster) -> None:
    for name in ("api-key", "other"):
        assert at("secrets", "set", name, "--skill", "search", given=b"x").status == 0
    assert at("secrets", "remove", "api-key", "--skill", "search").status == 0
    assert list(values(cluster.get(SECRET))) == ["other"]
    assert at("secrets", "remove", "api-key", "--skill", "search").status == 4
    assert at("secrets", "remove", "api-key", "--skill", "plain").status == 4
    assert states(at)["search", "api-key"] == "not set"


def test_what_no_skill_there_asks_for_is_refused_and_nothing_is_kept(
    at: Run, cluster: ToyCluster
) -> None:
    for name, skill, value, status, said in (
        ("unknown", "search", b"x", 2, "names api-key, other"),
        ("api-key", "plain", b"x", 2, "names no secrets"),
        ("api-key", "gone", b"x", 4, "catnap deploy gone"),
        ("api-key", "search", b"", 2, "1 to 32,768 bytes"),
        ("api-key", "search", b"\xff", 2, "UTF-8"),
    ):
        done = at("secrets", "set", name, "--skill", skill, given=value)
        assert (done.status, said in done.err) == (status, True), done
    assert cluster.written == []


def test_each_tenant_has_its_own(at: Run, cluster: ToyCluster) -> None:
    flags = ("--skill", "search", "--tenant", "acme")
    assert at("secrets", "set", "api-key", *flags, given=b"x").status == 4
    assert at("secrets", "list", "--tenant", "acme", "--json").json == []
    assert at("secrets", "set", "api-key", "--skill", "search", given=b"x").status == 0
    assert at("secrets", "list", "--tenant", "acme", "--json").json == []


def test_a_right_that_is_missing_is_named(at: Run, cluster: ToyCluster) -> None:
    cluster.refuses["search-secrets"] = (403, 'secrets "search-secrets" is forbidden')
    done = at("secrets", "set", "api-key", "--skill", "search", given=b"hidden-0123")
    assert done.status == 3
    assert "forbidden" in done.err
    assert "hidden" not in done.err
