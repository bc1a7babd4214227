"""Whose an Ingress object is."""

from __future__ import annotations

from typing import Any

import pytest

from catnap.services.knative import kingress
from catnap.services.knative.owners import (
    Elsewhere,
    Namespace,
    Plain,
    Refused,
    Skill,
    Standing,
    standing,
)
from tests.services.knative.objects import ingress, path, route, rule, split

OURS = {"catnap.dev/install": "catnap", "serving.knative.dev/service": "cart"}
ACME = Namespace("catnap", "acme")
PLAIN = Namespace()


def of(document: dict[str, Any], namespace: Namespace = PLAIN, install: str = "catnap") -> Standing:
    return standing(kingress.read(document), namespace, install)


def test_a_namespace_says_whose_it_is_by_its_label_and_its_annotation() -> None:
    metadata = {
        "name": "catnap-acme",
        "labels": {"catnap.dev/install": "catnap"},
        "annotations": {"catnap.dev/tenant": "acme"},
    }
    assert Namespace.of({"metadata": metadata}) == ACME
    assert Namespace.of({"metadata": {"name": "shop"}}) == PLAIN


def test_a_service_of_the_install_in_a_tenants_namespace_is_that_tenants_skill() -> None:
    assert of(route(labels=OURS), ACME) == Skill("acme", "cart")


def test_a_knative_service_in_nobodys_namespace_is_plain() -> None:
    assert of(route()) == Plain()


def test_a_label_alone_makes_no_skill_of_a_service_in_nobodys_namespace() -> None:
    assert of(route(labels=OURS)) == Plain()


@pytest.mark.parametrize("labels", [{}, {"serving.knative.dev/service": "cart"}])
def test_what_is_no_skill_is_not_served_from_a_tenants_namespace(labels: dict[str, str]) -> None:
    refused = of(route(labels=labels), ACME)
    assert isinstance(refused, Refused)
    assert refused.reason == "NotASkill"
    assert "'acme'" in refused.message


def test_another_name_for_a_host_may_be_given_in_a_tenants_namespace() -> None:
    named = rule("cart.example.com", paths=[path(split("cart"), rewriteHost="cart.shop")])
    assert of(ingress(named), ACME) == Plain()


@pytest.mark.parametrize(
    ("namespace", "install"),
    [
        (Namespace("other", "acme"), "catnap"),
        (Namespace("catnap", "acme"), "other"),
        (PLAIN, "other"),
    ],
)
def test_another_installs_namespace_is_left_alone_and_nobodys_is_the_default_ones(
    namespace: Namespace, install: str
) -> None:
    assert of(route(labels=OURS), namespace, install) == Elsewhere()


@pytest.mark.parametrize("kind", [None, "", "istio.ingress.networking.knative.dev"])
def test_another_class_is_left_alone(kind: str | None) -> None:
    assert of(route(kind=kind, labels=OURS), ACME) == Elsewhere()


def test_what_no_table_can_be_made_of_is_refused_with_the_place() -> None:
    refused = of(ingress(rule("a.example", paths=[])))
    assert refused == Refused("Invalid", "spec.rules[0].http.paths: there is none")


def test_tls_is_refused_since_the_gateway_ends_none() -> None:
    refused = of(route(tls=[{"secretName": "s", "secretNamespace": "shop"}]))
    assert isinstance(refused, Refused)
    assert refused.reason == "TLSNotServed"
