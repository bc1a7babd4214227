"""A skill's event triggers as Knative Eventing's Broker and Triggers.

Eventing brings the events of others: each Trigger delivers to the gateway,
which journals the event before it answers and calls the skill from there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from catnap.services.cluster.names import INSTALL, MANAGED_BY, audience_of, gateway_host
from catnap.skills.manifest import EventTrigger, Manifest

API_VERSION = "eventing.knative.dev/v1"
BROKER = "default"

# Eventing's own defaults, written down: 0.2 s, doubled ten times, is time enough
# for a gateway to be replaced.
_DELIVERY = {"retry": 10, "backoffPolicy": "exponential", "backoffDelay": "PT0.2S"}


def broker(namespace: str, install: str) -> dict[str, Any]:
    """Where the events of a tenant arrive; of the class that is the cluster's default."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Broker",
        "metadata": {"name": BROKER, "namespace": namespace, "labels": _labels(install)},
        "spec": {"delivery": _DELIVERY},
    }


def triggers(manifest: Manifest, namespace: str, install: str) -> Iterator[dict[str, Any]]:
    """One Trigger for each `[[triggers.events]]`."""
    for each in manifest.triggers.events:
        yield {
            "apiVersion": API_VERSION,
            "kind": "Trigger",
            "metadata": {
                # A dot, which neither of them can have: no two share a name.
                "name": f"{manifest.name}.{each.name}",
                "namespace": namespace,
                "labels": _labels(install),
            },
            "spec": {
                "broker": BROKER,
                "filters": _filters(each),
                "subscriber": {
                    "uri": f"http://{gateway_host(install)}/events/{manifest.name}/{each.name}",
                    # With Eventing's OIDC on, each delivery proves whose it is.
                    "audience": audience_of(install),
                },
                "delivery": _DELIVERY,
            },
        }


def _filters(trigger: EventTrigger) -> list[dict[str, Any]]:
    """CloudEvents Subscriptions filters, all of which must hold."""
    types = [{"exact": {"type": each}} for each in trigger.types]
    return [types[0] if len(types) == 1 else {"any": types}, *trigger.filters]


def _labels(install: str) -> dict[str, str]:
    return {MANAGED_BY: "catnap", INSTALL: install}
