"""The skills that are deployed on a cluster: its Service objects say which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catnap.errors import InvalidRequest, Unavailable
from catnap.services.catalog import Announce, Deployed, unknown
from catnap.services.cluster.names import namespace_of
from catnap.services.cluster.skill import description_of, manifest_of, tenant_of
from catnap.services.knative.mirror import Key

PATH = "/apis/serving.knative.dev/v1/services"


@dataclass(frozen=True, kw_only=True)
class Served(Deployed):
    """A skill of one tenant. revision: the newest that has been ready."""

    tenant: str
    revision: str


class ClusterCatalog:
    """A catalog: told by a mirror of the Services of one installation.

    One that does not say what it is, or is not where its tenant's are, is
    announced and otherwise left alone.
    """

    def __init__(self, install: str, announce: Announce) -> None:
        self._install = install
        self._announce = announce
        self._skills: defaultdict[str, dict[str, Served]] = defaultdict(dict)
        """By tenant and name."""
        self._places: dict[Key, Served] = {}
        self._problems: dict[Key, str] = {}

    def __len__(self) -> int:
        return len({each.manifest.name for each in self._places.values()})

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Every skill there is, by tenant and name."""
        return ((each.tenant, each.manifest.name) for each in self._places.values())

    def of(self, tenant: str) -> Iterator[Served]:
        skills = self._skills.get(tenant, {})
        return iter(sorted(skills.values(), key=lambda each: each.manifest.name))

    def get(self, name: str, tenant: str) -> Served:
        skills = self._skills.get(tenant, {})
        found = skills.get(name)
        if found is not None:
            return found
        problem = self._problems.get((namespace_of(tenant, self._install), name))
        if problem:
            raise Unavailable(f"skill {name!r} cannot be served: {problem}")
        raise unknown(name, skills)

    def problems(self, tenant: str) -> Mapping[str, str]:
        namespace = namespace_of(tenant, self._install)
        refused = {name: why for (place, name), why in self._problems.items() if place == namespace}
        return refused | {e.manifest.name: e.problem for e in self.of(tenant) if e.problem}

    async def revision(self, name: str, tenant: str) -> str:
        """Nothing is deployed by a call: `catnap deploy` has done it. Raises
        Unavailable where no revision has ever been ready."""
        served = self.get(name, tenant)
        if not served.revision:
            why = served.problem or "it is starting for the first time"
            raise Unavailable(f"skill {name!r} is not ready: {why}")
        return served.revision

    def take(self, changes: Mapping[Key, Mapping[str, Any] | None]) -> None:
        """What a mirror of Services tells."""
        for key, service in changes.items():
            served = problem = None
            try:
                served = self._read(key, service) if service else None
            except InvalidRequest as error:
                problem = error.message
            self._replace(key, served)
            if problem and self._problems.get(key) != problem:
                self._announce(problem)
            self._problems.pop(key, None)
            if problem:
                self._problems[key] = problem

    def _read(self, key: Key, service: Mapping[str, Any]) -> Served:
        namespace, name = key
        tenant, manifest = tenant_of(service), manifest_of(service)
        place = namespace_of(tenant, self._install)
        if (namespace, name) != (place, manifest.name):
            raise InvalidRequest(
                f"Service {namespace}/{name} says that it is {manifest.name!r} of tenant "
                f"{tenant!r}, whose place is {place}/{manifest.name}: it is not served"
            )
        return Served(
            manifest=manifest,
            description=description_of(service),
            problem=_problem(service),
            tenant=tenant,
            revision=service.get("status", {}).get("latestReadyRevisionName", ""),
        )

    def _replace(self, key: Key, served: Served | None) -> None:
        before = self._places.pop(key, None)
        if before:
            del self._skills[before.tenant][before.manifest.name]
            if not self._skills[before.tenant]:
                del self._skills[before.tenant]
        if served:
            self._places[key] = served
            self._skills[served.tenant][served.manifest.name] = served


def _problem(service: Mapping[str, Any]) -> str:
    """Why the newest configuration does not serve; empty while it does, or
    may yet."""
    conditions = service.get("status", {}).get("conditions") or ()
    for condition in conditions:
        if condition.get("type") == "ConfigurationsReady" and condition.get("status") == "False":
            return " ".join(str(condition.get("message", "")).split())
    return ""
