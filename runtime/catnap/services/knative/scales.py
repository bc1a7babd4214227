"""Deployments that are scaled between none and one: the servers of models.

Source: Kubernetes API reference, autoscaling/v1 Scale, the subresource of a
Deployment. It is all of one that the gateway may see or write.
"""

from __future__ import annotations

from urllib.parse import quote

from catnap.services.knative.api import Api


class Scales:
    """A side of models.waking.Deployments. deployment: `namespace/name`. Raises as
    Api does."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def start(self, deployment: str) -> None:
        """Where it has none, one; more, and what somebody else has chosen, stay."""
        path = _path(deployment)
        if await self._replicas(path) == 0:
            await self._api.merge(path, {"spec": {"replicas": 1}})

    async def stop(self, deployment: str) -> None:
        path = _path(deployment)
        if await self._replicas(path) > 0:
            await self._api.merge(path, {"spec": {"replicas": 0}})

    async def _replicas(self, path: str) -> int:
        found = await self._api.get(path)
        return int(found["spec"].get("replicas", 0))  # JSON leaves a zero out


def _path(deployment: str) -> str:
    namespace, _, name = deployment.partition("/")
    return f"/apis/apps/v1/namespaces/{quote(namespace)}/deployments/{quote(name)}/scale"
