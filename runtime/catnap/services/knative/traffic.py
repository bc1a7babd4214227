"""Revisions and traffic of a Service on a cluster, with the rights of whoever
deploys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from catnap.services import traffic
from catnap.services.knative.api import Api
from catnap.services.render import API_VERSION
from catnap.services.snapshot import Revision, Service
from catnap.services.traffic import LATEST, Target

_LABEL = "serving.knative.dev/"


async def look(api: Api, tenant: str, namespace: str, name: str) -> Service:
    """Raises NotFound. A revision that has been ready counts as one that has
    served: the cluster does not keep which did."""
    service = await api.get(f"{_place(namespace)}/services/{name}")
    found = await api.list(f"{_place(namespace)}/revisions", f"{_LABEL}service={name}")
    status = service.get("status", {})
    latest = status.get("latestReadyRevisionName", "")
    targets = traffic.read(service) or LATEST
    shares = {each.revision: each.percent for each in traffic.shares(targets, latest)}
    tags = traffic.tags(targets, latest)
    revisions = sorted(found["items"], key=_generation, reverse=True)
    return Service(
        tenant=tenant,
        name=name,
        traffic=targets,
        revisions=[
            Revision(
                name=each["metadata"]["name"],
                latest=each["metadata"]["name"] == latest,
                percent=shares.get(each["metadata"]["name"], 0),
                tags=sorted(tag for tag, to in tags.items() if to == each["metadata"]["name"]),
                created=datetime.fromisoformat(each["metadata"]["creationTimestamp"]).timestamp(),
                served=_ready(each),
            )
            for each in revisions
        ],
    )


async def route(api: Api, namespace: str, name: str, targets: Iterable[Target]) -> None:
    """Raises InvalidRequest with what the cluster has against it."""
    path = f"{_place(namespace)}/services/{name}"
    await api.merge(path, {"spec": {"traffic": traffic.write(targets)}})


def _place(namespace: str) -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}"


def _generation(revision: Mapping[str, Any]) -> int:
    return int(revision["metadata"].get("labels", {}).get(f"{_LABEL}configurationGeneration", 0))


def _ready(revision: Mapping[str, Any]) -> bool:
    conditions = revision.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
