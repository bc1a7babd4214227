"""What a gateway knows of the cluster it runs in, kept by watches."""

from __future__ import annotations

import asyncio
from functools import lru_cache

from catnap.services.catalog import Announce
from catnap.services.cluster.names import INSTALL, namespace_of
from catnap.services.knative import catalog, endpoints, fleet
from catnap.services.knative.api import Api
from catnap.services.knative.catalog import ClusterCatalog
from catnap.services.knative.ingress import Ingresses
from catnap.services.knative.mirror import Mirror
from catnap.services.knative.platform import KnativePlatform
from catnap.sessions.referee import Referee


class Cluster:
    """The skills, where traffic goes, and the pods that take it."""

    def __init__(
        self, api: Api, install: str, announce: Announce, referee: Referee | None = None
    ) -> None:
        """referee: where several gateways send calls to the same pods."""
        self.api = api
        self.ingresses = Ingresses(api, install)
        self.catalog = ClusterCatalog(install, announce)
        self.namespace = lru_cache(10_000)(lambda tenant: namespace_of(tenant, install))
        self.platform = KnativePlatform(
            api, self.namespace, lambda: self.ingresses.table, self.catalog, referee=referee
        )
        skills = Mirror(api, catalog.PATH, labels=f"{INSTALL}={install}")
        skills.listen(self.catalog.take)
        skills.listen(self.platform.objects.take_services)
        revisions = Mirror(api, fleet.PATH)
        revisions.listen(self.platform.fleet.take_revisions)
        revisions.listen(self.platform.objects.take_revisions)
        revisions.listen(self.catalog.take_revisions)
        pods = Mirror(api, endpoints.PATH, labels=endpoints.LABELS)
        pods.listen(self.platform.fleet.take_slices)
        self._mirrors = (skills, revisions, pods)

    async def start(self) -> None:
        """Returns when all of it is known as it is now.

        Raises what keeps any of it from being read.
        """
        async with asyncio.TaskGroup() as group:
            for each in (*self._mirrors, self.ingresses):
                group.create_task(each.start())
        self.platform.start()

    async def close(self) -> None:
        await self.platform.close()
        for mirror in self._mirrors:
            await mirror.close()
        await self.ingresses.close()
