"""What is written into the status of an Ingress object. Pure.

Knative takes an object for ready when Ready is True and observedGeneration is
the object's generation; it then points the Service's name at domainInternal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catnap.services.knative.owners import Refused

Status = dict[str, Any]


def status(document: Mapping[str, Any], refused: Refused | None, address: str, now: str) -> Status:
    """The status that an object should have.

    address: the gateway's name within the cluster. now: RFC 3339, for the
    conditions whose state is another than before.
    """
    before = {each["type"]: each for each in (document.get("status") or {}).get("conditions") or ()}

    def condition(kind: str, failure: Refused | None) -> dict[str, str]:
        state = "False" if failure else "True"
        last = before.get(kind, {})
        since = last.get("lastTransitionTime") if last.get("status") == state else None
        made = {"type": kind, "status": state, "lastTransitionTime": since or now}
        if failure:
            made.update(reason=failure.reason, message=failure.message)
        return made

    # The public one is no other: how the world outside gets to the gateway is
    # the cluster's business, and the object's hosts are not reached by address.
    balancer = {"ingress": [{"domainInternal": address}]}
    return {
        "observedGeneration": document["metadata"].get("generation", 0),
        "conditions": [
            condition("LoadBalancerReady", None),
            condition("NetworkConfigured", refused),
            condition("Ready", refused),
        ],
        "publicLoadBalancer": balancer,
        "privateLoadBalancer": balancer,
    }


def differs(document: Mapping[str, Any], wanted: Status) -> bool:
    """Whether the object's status has to be written."""
    found: Mapping[str, Any] = document.get("status") or {}
    return any(_ordered(found.get(name)) != _ordered(value) for name, value in wanted.items())


def _ordered(value: Any) -> Any:
    if isinstance(value, list) and all("type" in each for each in value):
        return sorted(value, key=lambda each: str(each["type"]))
    return value
