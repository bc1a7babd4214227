"""All that a cluster is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from catnap.access.shared_keys import FILES
from catnap.errors import InvalidRequest
from catnap.services.cluster.install import Install
from catnap.services.cluster.names import CALLBACK_PORT, namespace_of
from catnap.services.cluster.objects import cluster_objects
from catnap.services.cluster.skill import Skill
from catnap.skills.manifest import parse_manifest

ECHO = Skill(
    manifest=parse_manifest(
        'name = "echo"\ndescription = "A test."\n'
        '[[triggers.events]]\nname = "any"\ntypes = ["some.event"]'
    ),
    image="registry.example/echo:1",
)
INSTALL = Install(
    name="testing",
    tenants=("acme", "Łódź"),
    gateway="registry.example/gateway:1",
    models="registry.example/models:1",
)


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    return cluster_objects(INSTALL, [ECHO])


def of_kind(objects: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [each for each in objects if each["kind"] == kind]


def strings(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from strings(value, f"{path}.{key}")
    elif isinstance(node, list):
        for value in node:
            yield from strings(value, path)
    elif isinstance(node, str):
        yield path, node


def test_every_object_has_its_namespace_before_it(objects: list[dict[str, Any]]) -> None:
    there = {None}  # of what belongs to the whole cluster
    for each in objects:
        assert each["metadata"].get("namespace") in there
        if each["kind"] == "Namespace":
            there.add(each["metadata"]["name"])
    assert there == {None, "testing", "testing-acme", namespace_of("Łódź", "testing")}


def test_no_two_objects_are_the_same(objects: list[dict[str, Any]]) -> None:
    keys = [
        (
            each["apiVersion"],
            each["kind"],
            each["metadata"].get("namespace"),
            each["metadata"]["name"],
        )
        for each in objects
    ]
    assert len(set(keys)) == len(keys)


def test_nothing_names_another_installation(objects: list[dict[str, Any]]) -> None:
    for each in objects:
        for path, text in strings(each):
            assert text not in {"catnap:gateway", "catnap-default"}, path
            assert text != "catnap" or path.endswith(("managed-by", "part-of")), path
    for policy in of_kind(objects, "NetworkPolicy"):
        for path, text in strings(policy):
            assert "namespaceSelector" not in path or text in {
                "testing",
                "knative-serving",
                "kube-system",
            }


def test_every_tenant_has_every_skill_and_says_its_name(objects: list[dict[str, Any]]) -> None:
    skills = [each for each in objects if each["apiVersion"] == "serving.knative.dev/v1"]
    assert [each["metadata"]["annotations"]["catnap.dev/tenant"] for each in skills] == [
        "acme",
        "Łódź",
    ]
    namespaces = {
        each["metadata"]["name"]: each["metadata"].get("annotations", {}).get("catnap.dev/tenant")
        for each in of_kind(objects, "Namespace")
    }
    assert namespaces == {
        "testing": None,
        "testing-acme": "acme",
        namespace_of("Łódź", "testing"): "Łódź",
    }


def test_everything_of_ours_can_be_asked_for_by_one_label(objects: list[dict[str, Any]]) -> None:
    for each in objects:
        assert each["metadata"]["labels"]["catnap.dev/install"] == "testing"


def test_images_and_storage_are_as_the_installation_says() -> None:
    made = cluster_objects(
        Install(gateway="g:1", models="m:1", storage="1Gi", storage_class="fast"), []
    )
    images = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]["containers"][0]["image"]
        for each in of_kind(made, "Deployment")
    }
    assert images == {"catnap-gateway": "g:1", "catnap-models": "m:1"}
    [claim] = of_kind(made, "PersistentVolumeClaim")
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"
    assert claim["spec"]["storageClassName"] == "fast"
    [claim] = of_kind(cluster_objects(Install(), []), "PersistentVolumeClaim")
    assert "storageClassName" not in claim["spec"]


def test_models_that_sleep_are_the_gateways_to_scale_and_nothing_else_of_them() -> None:
    made = cluster_objects(
        Install(name="mine", wakes=("gpu/writer", "gpu/ranker", "other/m"), models_toml="# three"),
        [],
    )
    rights = {
        (each["kind"], each["metadata"]["namespace"]): each
        for each in made
        if each["metadata"]["name"] == "mine-wakes-models"
    }
    assert sorted(rights) == [
        *(("Role", "gpu"), ("Role", "other"), ("RoleBinding", "gpu"), ("RoleBinding", "other")),
    ]
    assert rights["Role", "gpu"]["rules"] == [
        {
            "apiGroups": ["apps"],
            "resources": ["deployments/scale"],
            "resourceNames": ["ranker", "writer"],
            "verbs": ["get", "patch"],
        }
    ]
    [subject] = rights["RoleBinding", "other"]["subjects"]
    assert (subject["name"], subject["namespace"]) == ("catnap-gateway", "mine")
    [config] = [
        each for each in of_kind(made, "ConfigMap") if each["metadata"]["name"] == "catnap-models"
    ]
    assert config["data"] == {"models.toml": "# three"}


def test_other_models_are_no_other_gateway() -> None:
    """It takes them up while it runs."""
    gateways = [
        next(
            each["spec"]["template"]
            for each in of_kind(cluster_objects(Install(models_toml=text), []), "Deployment")
            if each["metadata"]["name"] == "catnap-gateway"
        )
        for text in ("", "[m]")
    ]
    assert gateways[0] == gateways[1]
    [settings] = [each for each in gateways[0]["spec"]["volumes"] if each["name"] == "settings"]
    names = [each["configMap"]["name"] for each in settings["projected"]["sources"]]
    assert names == ["catnap-settings", "catnap-models"]


def test_a_cluster_without_eventing_is_given_none_of_its_kinds() -> None:
    without = cluster_objects(Install(eventing=False), [ECHO])
    assert not [each for each in without if "eventing" in each["apiVersion"]]
    kinds = [each["kind"] for each in cluster_objects(Install(), [ECHO])]
    assert (kinds.count("Broker"), kinds.count("Trigger")) == (1, 1)


def test_making_them_twice_gives_the_same(objects: list[dict[str, Any]]) -> None:
    assert cluster_objects(INSTALL, [ECHO]) == objects


def test_the_gateway_may_read_no_secret_and_make_nothing_but_reviews(
    objects: list[dict[str, Any]],
) -> None:
    [role] = of_kind(objects, "ClusterRole")
    for rule in role["rules"]:
        assert not {"*", "secrets", "pods"} & {*rule["resources"], *rule["verbs"]}
        if rule["resources"] != ["tokenreviews"]:
            assert not {"create", "delete"} & {*rule["verbs"]}
        if {"patch", "update"} & {*rule["verbs"]}:
            assert rule["resources"] == ["ingresses/status"]
    [binding] = of_kind(objects, "ClusterRoleBinding")
    assert binding["roleRef"]["name"] == role["metadata"]["name"] == "testing:gateway"
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "catnap-gateway", "namespace": "testing"}
    ]


def test_only_the_gateway_has_a_token(objects: list[dict[str, Any]]) -> None:
    for each in of_kind(objects, "Deployment") + of_kind(objects, "Service"):
        if "template" not in each["spec"]:
            continue
        mounted = each["spec"]["template"]["spec"]["automountServiceAccountToken"]
        assert mounted is (each["metadata"]["name"] == "catnap-gateway")
    for account in of_kind(objects, "ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


@pytest.mark.parametrize("bad", [{"name": "Catnap"}, {"tenants": ()}])
def test_an_installation_that_cannot_be_named_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="install"):
        Install(**bad)


def test_a_gateway_may_ask_another_one_and_skills_may_call_either_back(
    objects: list[dict[str, Any]],
) -> None:
    install = {"catnap.dev/install": "testing"}
    [policy] = [
        each for each in of_kind(objects, "NetworkPolicy") if each["metadata"]["name"] == "gateway"
    ]
    [rule] = [
        each
        for each in policy["spec"]["ingress"]
        if {"port": CALLBACK_PORT} in each["ports"] and "from" in each
    ]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": install}}]
    for namespace in of_kind(objects, "Namespace"):
        assert install.items() <= namespace["metadata"]["labels"].items()


def test_gateways_with_a_store_outside_take_each_others_place_and_have_no_volume() -> None:
    objects = cluster_objects(replace(INSTALL, replicated=True), [])
    assert of_kind(objects, "PersistentVolumeClaim") == []
    [budget] = of_kind(objects, "PodDisruptionBudget")
    [gateway] = [
        each["spec"]
        for each in of_kind(objects, "Deployment")
        if each["metadata"]["name"] == "catnap-gateway"
    ]
    assert gateway["replicas"] == 2
    assert gateway["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert budget["spec"]["selector"] == gateway["selector"]
    pod = gateway["template"]["spec"]
    assert not any("persistentVolumeClaim" in each for each in pod["volumes"])
    [container] = pod["containers"]
    told = {each["name"]: each.get("valueFrom") for each in container["env"]}
    assert told["CATNAP_STORE"] == {"secretKeyRef": {"name": "catnap-store", "key": "uri"}}
    assert told["CATNAP_ADVERTISE"] == {"fieldRef": {"fieldPath": "status.podIP"}}
    mounted = {each["mountPath"] for each in container["volumeMounts"] if each["name"] == "keys"}
    assert mounted == {f"/var/lib/catnap/{name}" for name in FILES}
