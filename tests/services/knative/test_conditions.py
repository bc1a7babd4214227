"""What is written into an Ingress object's status."""

from __future__ import annotations

from typing import Any

from catnap.services.knative.conditions import differs, status
from catnap.services.knative.owners import Refused
from tests.services.knative.objects import route

GATEWAY = "catnap-gateway.catnap.svc.cluster.local"
NOON = "2026-11-21T12:00:00Z"
LATER = "2026-11-21T13:00:00Z"
CONFLICT = Refused("HostConflict", "cart.shop is den/cart's already")


def conditions(made: dict[str, Any]) -> dict[str, Any]:
    return {each["type"]: each for each in made["conditions"]}


def test_an_object_that_is_served_is_ready_for_the_generation_that_is_served() -> None:
    made = status(route(), None, GATEWAY, NOON)
    assert made["observedGeneration"] == 1
    assert {kind: each["status"] for kind, each in conditions(made).items()} == {
        "NetworkConfigured": "True",
        "LoadBalancerReady": "True",
        "Ready": "True",
    }
    assert {each["lastTransitionTime"] for each in made["conditions"]} == {NOON}


def test_knative_is_told_the_gateways_name_within_the_cluster() -> None:
    made = status(route(), None, GATEWAY, NOON)
    for balancer in ("publicLoadBalancer", "privateLoadBalancer"):
        assert made[balancer] == {"ingress": [{"domainInternal": GATEWAY}]}


def test_an_object_that_is_not_served_says_why() -> None:
    found = conditions(status(route(), CONFLICT, GATEWAY, NOON))
    for kind in ("NetworkConfigured", "Ready"):
        assert found[kind]["status"] == "False"
        assert (found[kind]["reason"], found[kind]["message"]) == (
            "HostConflict",
            "cart.shop is den/cart's already",
        )


def test_a_condition_keeps_its_time_until_it_is_another() -> None:
    document = route()
    document["status"] = status(document, None, GATEWAY, NOON)
    same = conditions(status(document, None, GATEWAY, LATER))
    assert {each["lastTransitionTime"] for each in same.values()} == {NOON}
    other = conditions(status(document, CONFLICT, GATEWAY, LATER))
    assert other["Ready"]["lastTransitionTime"] == LATER
    assert other["LoadBalancerReady"]["lastTransitionTime"] == NOON


def test_nothing_is_to_be_written_where_all_is_so_already() -> None:
    document = route()
    assert differs(document, status(document, None, GATEWAY, NOON))
    document["status"] = status(document, None, GATEWAY, NOON)
    document["status"]["conditions"].reverse()
    assert not differs(document, status(document, None, GATEWAY, LATER))
    document["metadata"]["generation"] = 2
    assert differs(document, status(document, None, GATEWAY, LATER))
