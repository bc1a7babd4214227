"""What a cluster brings along, of what a deploy builds upon."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from catnap.errors import CatnapError, NotFound, PermissionDenied, Unavailable
from catnap.services.knative.api import Api

_KNATIVE_DEFAULT = "istio.ingress.networking.knative.dev"


@dataclass(frozen=True, slots=True)
class Ground:
    """id: the same for as long as the cluster lives. ingress: the class that
    Knative gives its Ingress objects. eventing: whether it is installed."""

    id: str
    ingress: str
    eventing: bool


async def survey(api: Api) -> Ground:
    """Raises Unavailable where Knative Serving is missing."""
    identity, ingress, serving, eventing = await asyncio.gather(
        _id(api),
        _ingress(api),
        _has(api, "serving.knative.dev/v1", "Service"),
        _has(api, "eventing.knative.dev/v1", "Trigger"),
    )
    if not serving:
        raise Unavailable(
            f"the cluster at {api.server} has no Knative Serving (no kind Service of "
            "serving.knative.dev/v1): install it, see https://knative.dev/docs/install"
        )
    return Ground(identity, ingress, eventing)


async def _has(api: Api, version: str, kind: str) -> bool:
    try:
        await api.path_of_kind(version, kind)
    except NotFound:
        return False
    return True


async def _id(api: Api) -> str:
    try:
        found = await api.get("/api/v1/namespaces/kube-system")
    except (NotFound, PermissionDenied):
        return api.server
    uid: str = found["metadata"]["uid"]
    return uid


async def _ingress(api: Api) -> str:
    try:
        found = await api.get("/api/v1/namespaces/knative-serving/configmaps/config-network")
    except CatnapError as error:
        if error.retryable:
            raise
        return _KNATIVE_DEFAULT
    name: str = (found.get("data") or {}).get("ingress-class") or _KNATIVE_DEFAULT
    return name
