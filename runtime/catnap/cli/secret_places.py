"""Where skills' secrets are set: at the gateway that the settings name, or on a
cluster."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

import msgspec

from catnap.access.principal import DEFAULT_TENANT
from catnap.access.secrets import check_value
from catnap.cli.admin import ask, of_tenant
from catnap.cli.cluster import Access
from catnap.cli.settings import Settings


class Shown(msgspec.Struct):
    """updated: seconds since the epoch, 0 where it is not set. author: who set
    it; empty on a cluster, which does not keep that."""

    skill: str
    name: str
    updated: float = 0.0
    author: str = ""
    named: bool = True

    @property
    def state(self) -> str:
        if not self.updated:
            return "not set"
        return "set" if self.named else "set, asked for no more"


class _Listed(msgspec.Struct):
    secrets: list[Shown]


class Place(Protocol):
    """Raises NotFound and InvalidRequest, as the one behind it."""

    def put(self, skill: str, name: str, value: bytes) -> None: ...

    def remove(self, skill: str, name: str) -> None: ...

    def list(self) -> list[Shown]: ...


def place(settings: Settings, access: Access, tenant: str) -> Place:
    """A cluster's where a flag names one. tenant: empty for the caller's own."""
    if access.named:
        return _Cluster(settings, access, tenant or DEFAULT_TENANT)
    return _Here(settings, tenant)


@dataclass(frozen=True)
class _Here:
    settings: Settings
    tenant: str

    def put(self, skill: str, name: str, value: bytes) -> None:
        ask(self.settings, "PUT", self._path(skill, name), type(None), value)

    def remove(self, skill: str, name: str) -> None:
        ask(self.settings, "DELETE", self._path(skill, name), type(None))

    def list(self) -> list[Shown]:
        return ask(self.settings, "GET", f"/secrets{of_tenant(self.tenant)}", _Listed).secrets

    def _path(self, skill: str, name: str) -> str:
        return f"/secrets/{quote(skill, '')}/{quote(name, '')}{of_tenant(self.tenant)}"


@dataclass(frozen=True)
class _Cluster:
    settings: Settings
    access: Access
    tenant: str

    def put(self, skill: str, name: str, value: bytes) -> None:
        from catnap.services.knative import secrets

        check_value(value)
        api, now = self.access.connect(), time.time()
        where = self._namespace()
        asyncio.run(secrets.put(api, self.tenant, where, skill, name, value, now))

    def remove(self, skill: str, name: str) -> None:
        from catnap.services.knative import secrets

        asyncio.run(secrets.remove(self.access.connect(), self._namespace(), skill, name))

    def list(self) -> list[Shown]:
        from catnap.services.knative import secrets

        found = asyncio.run(secrets.listed(self.access.connect(), self._namespace()))
        return [Shown(**msgspec.structs.asdict(each)) for each in found]

    def _namespace(self) -> str:
        from catnap.services.cluster.names import namespace_of

        return namespace_of(self.tenant, self.settings.install)
