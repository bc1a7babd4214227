"""Where a skill's traffic is looked at and changed: at the gateway that the
settings name, or at a cluster."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from catnap.access.principal import DEFAULT_TENANT
from catnap.cli.admin import ADMIN, ask, skill_path
from catnap.cli.cluster import Access
from catnap.cli.settings import Settings
from catnap.services.snapshot import Service
from catnap.services.traffic import Target, write

SETTINGS = (*ADMIN, "install")


class Switchboard(Protocol):
    def get(self, skill: str) -> Service:
        """Raises NotFound."""
        ...

    def route(self, skill: str, targets: tuple[Target, ...]) -> Service:
        """Gives the skill as it then is. Raises InvalidRequest, and then
        nothing has changed."""
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

    def route(self, skill: str, targets: tuple[Target, ...]) -> Service:
        path = skill_path(skill, "traffic", self.tenant)
        return ask(self.settings, "PUT", path, Service, {"traffic": write(targets)})


@dataclass(frozen=True)
class _Cluster:
    settings: Settings
    access: Access
    tenant: str

    def get(self, skill: str) -> Service:
        return asyncio.run(self._look(skill))

    def route(self, skill: str, targets: tuple[Target, ...]) -> Service:
        return asyncio.run(self._route(skill, targets))

    async def _look(self, skill: str) -> Service:
        from catnap.services.knative import traffic

        return await traffic.look(self.access.connect(), self.tenant, self._namespace(), skill)

    async def _route(self, skill: str, targets: tuple[Target, ...]) -> Service:
        from catnap.services.knative import traffic

        api = self.access.connect()
        await traffic.route(api, self._namespace(), skill, targets)
        return await traffic.look(api, self.tenant, self._namespace(), skill)

    def _namespace(self) -> str:
        from catnap.services.cluster.names import namespace_of

        return namespace_of(self.tenant, self.settings.install)
