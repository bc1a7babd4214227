"""Revisions and traffic of a Service on a cluster, with the rights of whoever
deploys."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from catnap.errors import Conflict
from catnap.services import traffic
from catnap.services.knative import snapshot
from catnap.services.knative.api import Api
from catnap.services.render import API_VERSION
from catnap.services.snapshot import Service
from catnap.services.traffic import Target

TRIES = 5
"""Writes that may fail because something else of the Service changes meanwhile."""


async def look(api: Api, tenant: str, namespace: str, name: str) -> Service:
    """Raises NotFound. A revision that is ready counts as one that has served:
    the cluster does not keep which did."""
    return (await _look(api, tenant, namespace, name))[0]


async def edit(
    api: Api,
    tenant: str,
    namespace: str,
    name: str,
    change: Callable[[Service], Iterable[Target]],
) -> Service:
    """Has the traffic be what `change` makes of the Service; gives that as it
    then is. Raises NotFound, what `change` raises, InvalidRequest with what
    the cluster has against it, and Conflict where somebody else has changed
    the traffic meanwhile."""
    service, version = await _look(api, tenant, namespace, name)
    wanted = tuple(change(service))
    for left in reversed(range(TRIES)):
        body = {
            "metadata": {"resourceVersion": version},
            "spec": {"traffic": traffic.write(wanted)},
        }
        try:
            await api.merge(f"{_place(namespace)}/services/{name}", body)
            break
        except Conflict:
            if not left:
                raise
        # Knative writes to it too. A repeat after a lost answer conflicts with itself.
        now, version = await _look(api, tenant, namespace, name)
        if now.traffic == wanted:
            return now
        if now.traffic != service.traffic:
            raise Conflict(
                f"somebody else has changed the traffic of {name!r} meanwhile: look at it "
                "again, then change it"
            )
    return await look(api, tenant, namespace, name)


async def _look(api: Api, tenant: str, namespace: str, name: str) -> tuple[Service, str]:
    """With its resourceVersion."""
    service = await api.get(f"{_place(namespace)}/services/{name}")
    found = await api.list(f"{_place(namespace)}/revisions", f"serving.knative.dev/service={name}")
    return snapshot.of(
        tenant,
        name,
        snapshot.Service.of(service),
        map(snapshot.Revision.of, found["items"]),
    ), service["metadata"]["resourceVersion"]


def _place(namespace: str) -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}"
