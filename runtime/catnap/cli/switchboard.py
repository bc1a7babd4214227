"""Where a skill's traffic is looked at and changed: at the gateway that the
settings name, or at a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from catnap.access.principal import DEFAULT_TENANT
from catnap.cli.admin import ADMIN, ask, look, skill_path
from catnap.cli.cluster import Access
from catnap.cli.settings import Settings
from catnap.errors import InvalidRequest
from catnap.services.snapshot import Service
from catnap.services.traffic import Target, write

SETTINGS = (*ADMIN, "install")

Change = Callable[[Service], tuple[Target, ...]]
"""What the traffic of a skill should be, by what the skill is."""


class Switchboard(Protocol):
    def get(self, skill: str) -> Service:
        """Raises NotFound."""
        ...

    def edit(self, skill: str, change: Change) -> Service:
        """Gives the skill as it then is. Raises NotFound, InvalidRequest, what
        `change` raises, and Conflict where somebody else has changed the
        traffic meanwhile; and then nothing has changed."""
        ...


def switchboard(settings: Settings, access: Access, tenant: str) -> Switchboard:
    """A cluster's where a flag names one. tenant: empty for the caller's own."""
    if access.named:
        return _Cluster(settings, access, tenant or DEFAULT_TENANT)
    return _Here(settings, tenant)


@dataclass(frozen=True)
class _Here:
    settings: Settings
    tenant: str

    def get(self, skill: str) -> Service:
        return ask(self.settings, "GET", skill_path(skill, "", self.tenant), Service)

    def edit(self, skill: str, change: Change) -> Service:
        service, version = look(self.settings, skill_path(skill, "", self.tenant), Service)
        if not version:
            raise InvalidRequest(
                f"the gateway at {self.settings.http} runs on a cluster and may not change "
                "traffic there: name the cluster with --kubeconfig or --context"
            )
        path = skill_path(skill, "traffic", self.tenant)
        traffic = {"traffic": write(change(service))}
        return ask(self.settings, "PUT", path, Service, traffic, if_match=version)


@dataclass(frozen=True)
class _Cluster:
    settings: Settings
    access: Access
    tenant: str

    def get(self, skill: str) -> Service:
        from catnap.services.knative import traffic

        found = traffic.look(self.access.connect(), self.tenant, self._namespace(), skill)
        return asyncio.run(found)

    def edit(self, skill: str, change: Change) -> Service:
        from catnap.services.knative import traffic

        api = self.access.connect()
        return asyncio.run(traffic.edit(api, self.tenant, self._namespace(), skill, change))

    def _namespace(self) -> str:
        from catnap.services.cluster.names import namespace_of

        return namespace_of(self.tenant, self.settings.install)
