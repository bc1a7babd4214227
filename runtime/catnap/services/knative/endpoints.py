"""Which pods take calls, read from EndpointSlices.

Source: Kubernetes' discovery.k8s.io/v1; Knative's private Services, which
select the pods of one revision and lead to their queue-proxies.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from catnap.http import Target

PATH = "/apis/discovery.k8s.io/v1/endpointslices"

LABELS = "networking.internal.knative.dev/serviceType=Private"
"""Of the slices whose endpoints are pods. Those of a public Service are the
activators while they are in the path."""

_PORT = "http"


class _Conditions(msgspec.Struct, frozen=True):
    # Not known counts as yes for all but the last, as the API has it.
    ready: bool | None = True
    serving: bool | None = True
    terminating: bool | None = False


class _Reference(msgspec.Struct, frozen=True):
    kind: str = ""
    name: str = ""


class _Endpoint(msgspec.Struct, frozen=True):
    addresses: list[str]
    conditions: _Conditions = _Conditions()
    targetRef: _Reference | None = None  # noqa: N815


class _Port(msgspec.Struct, frozen=True):
    name: str | None = None
    port: int | None = None


class _Slice(msgspec.Struct, frozen=True):
    endpoints: list[_Endpoint] | None = None
    ports: list[_Port] | None = None


def pods(slice_: Mapping[str, Any]) -> dict[str, Target]:
    """Where the queue-proxy of each pod listens, by the pod's name; only of
    pods that are ready and stay."""
    found = msgspec.convert(slice_, _Slice)
    port = next((each.port for each in found.ports or () if each.name == _PORT), None)
    if port is None:
        return {}
    return {
        each.targetRef.name: Target(each.addresses[0], port)
        for each in found.endpoints or ()
        if each.targetRef is not None and each.targetRef.kind == "Pod" and _stays(each.conditions)
    }


def revision(slice_: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace and revision whose pods they are; the name is empty where it
    is nobody's."""
    meta = slice_["metadata"]
    labels: Mapping[str, str] = meta.get("labels") or {}
    return meta["namespace"], labels.get("serving.knative.dev/revision", "")


def _stays(conditions: _Conditions) -> bool:
    unready = conditions.ready is False or conditions.serving is False
    return not unready and not conditions.terminating
