"""A skill's Service object on a cluster."""

from __future__ import annotations

from typing import Any

import pytest

from catnap.errors import InvalidRequest
from catnap.services.cluster.skill import (
    Skill,
    cluster_service,
    description_of,
    manifest_of,
    tenant_of,
)
from catnap.services.describe import Description
from catnap.skills.manifest import Manifest, parse_manifest

FULL = """
[scale]
window = "7500ms"
target = 2.5
preload = ["numpy"]
[env]
B = "2"
A = "ä"
[limits]
cpu = "0.5"
timeout = "90s"
[models]
allow = ["minilm-l6-v2"]
[egress]
allow = ["api.example.com"]
[access]
roles = ["analyst"]
[[triggers.events]]
name = "files"
types = ["catnap.file.created"]
filters = [{ any = [{ suffix = { subject = ".md" } }] }]
"""


def manifest(toml: str = "") -> Manifest:
    return parse_manifest(f'name = "echo"\ndescription = "A test."\n{toml}')


def made(
    toml: str = "", description: Description | None = None, tenant: str = "acme"
) -> dict[str, Any]:
    skill = Skill(manifest=manifest(toml), image="registry.example/echo:1", description=description)
    return cluster_service(skill, tenant=tenant, install="catnap")


def environment(service: dict[str, Any]) -> dict[str, str]:
    [container] = service["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


@pytest.mark.parametrize("toml", ["", FULL])
def test_the_manifest_reads_back_as_it_was_written(toml: str) -> None:
    assert manifest_of(made(toml)) == manifest(toml)


def test_the_schemas_read_back_and_are_none_where_nobody_asked() -> None:
    described = Description({"type": "object"}, {"type": "string"}, stream=True)
    assert description_of(made(description=described)) == described
    assert description_of(made()) == Description()


def test_the_tenant_reads_back_whatever_its_name() -> None:
    service = made(tenant="Łódź & Co.")
    assert tenant_of(service) == "Łódź & Co."
    assert service["metadata"]["namespace"].startswith("catnap-d-co--")


def test_no_ingress_gives_a_skill_a_name_outside_the_cluster() -> None:
    labels = made()["metadata"]["labels"]
    assert labels["networking.knative.dev/visibility"] == "cluster-local"


def test_what_knative_makes_of_a_skill_says_whose_it_is() -> None:
    assert made()["spec"]["template"]["metadata"]["labels"]["catnap.dev/install"] == "catnap"


def test_an_instance_is_told_where_the_gateway_is_beside_its_own_settings() -> None:
    limits = "[scale]\nconcurrency = 3\n[limits]\ntimeout = '1500ms'"
    found = environment(made(f"{limits}\n[env]\nA = 'b'"))
    assert found == {
        "A": "b",
        "CATNAP_CALLBACK": "catnap-gateway.catnap.svc.cluster.local.:8081",
        "CATNAP_CONCURRENCY": "3",
        "CATNAP_EGRESS": "catnap-gateway.catnap.svc.cluster.local.:3128",
        "CATNAP_GRACE": "2",
        "CATNAP_LOG": "json",
    }


def test_a_revision_says_what_it_is_whatever_the_newest_deploy_says() -> None:
    before, after = made(), made("[access]\nroles = ['analyst']")
    revision = before["spec"]["template"]
    assert manifest_of(after, revision) == manifest()
    assert manifest_of(after).access.roles == ("analyst",)


def test_only_a_skill_with_workspaces_has_a_place_for_them() -> None:
    service = made("[session]\nworkspace = true")
    spec = service["spec"]["template"]["spec"]
    place = environment(service)["CATNAP_KEEPS"]
    [mount] = (each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "keeps")
    assert mount == {"name": "keeps", "mountPath": place}
    assert {"name": "keeps", "emptyDir": {"sizeLimit": "10Gi"}} in spec["volumes"]
    assert "keeps" not in str(made())


@pytest.mark.parametrize(
    ("toml", "reason"),
    [
        ("[session]\nshare = 'user'", "localhost only"),
        ("[env]\nCATNAP_LOG = 'text'", "CATNAP_LOG"),
    ],
)
def test_what_a_cluster_does_not_do_is_refused_by_name(toml: str, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        made(toml)


def test_schemas_that_a_cluster_could_not_keep_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="simpler type"):
        made(description=Description({"description": "x" * 300_000}))


@pytest.mark.parametrize(
    "text",
    [None, "{", '{"name": 1}', '{"name": "a", "description": "b", "limits": {"timeout": "soon"}}'],
)
def test_a_service_of_somebody_else_is_told_from_ours(text: str | None) -> None:
    service = made()
    service["spec"]["template"]["metadata"]["annotations"]["catnap.dev/manifest"] = text
    with pytest.raises(InvalidRequest, match="catnap-acme/echo"):
        manifest_of(service)


def test_a_skill_is_told_where_its_secrets_are_mounted() -> None:
    service = made('[secrets]\nnames = ["api-key"]\n[env]\nA = "b"')
    [container] = service["spec"]["template"]["spec"]["containers"]
    mounted = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert environment(service)["CATNAP_SECRETS"] == mounted["secrets"]
    assert environment(service)["A"] == "b"
    assert "CATNAP_SECRETS" not in environment(made())
