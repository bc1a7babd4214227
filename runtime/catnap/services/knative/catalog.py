"""The skills that are deployed on a cluster: its Service objects say which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from catnap.errors import InvalidRequest, Unavailable
from catnap.services import choice
from catnap.services.catalog import Announce, Deployed, unknown
from catnap.services.choice import Share
from catnap.services.cluster.names import namespace_of
from catnap.services.cluster.skill import MANIFEST, description_of, manifest_of, tenant_of
from catnap.services.knative.api import Object
from catnap.services.knative.mirror import Key

PATH = "/apis/serving.knative.dev/v1/services"


@dataclass(frozen=True, kw_only=True)
class Served(Deployed):
    """A skill of one tenant. revision: the newest that has been ready."""

    tenant: str
    revision: str


class ClusterCatalog:
    """A catalog: told by two mirrors, of the Services of one installation, and
    of Revisions: a skill is what the revision says that most calls go to.

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
        self._services: dict[Key, Object] = {}
        self._revisions: dict[Key, Object] = {}
        """What is left of those that say what they are: that."""
        self._mains: dict[Key, Key] = {}
        """Service by the revision that most of its calls go to."""

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

    def take(self, changes: Mapping[Key, Object | None]) -> None:
        """What a mirror of Services tells."""
        for key, service in changes.items():
            before = self._services.pop(key, None)
            if before is not None:
                self._mains.pop((key[0], _main(before)), None)
            if service is not None:
                self._services[key] = service
                self._mains[key[0], _main(service)] = key
            self._refresh(key)

    def take_revisions(self, changes: Mapping[Key, Object | None]) -> None:
        """What a mirror of Revisions tells."""
        for key, revision in changes.items():
            about = revision["metadata"].get("annotations") or {} if revision else {}
            self._revisions.pop(key, None)
            if MANIFEST in about:
                self._revisions[key] = {"metadata": {"annotations": about}}
            if key in self._mains:
                self._refresh(self._mains[key])

    def _refresh(self, key: Key) -> None:
        served = problem = None
        service = self._services.get(key)
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

    def _read(self, key: Key, service: Object) -> Served:
        namespace, name = key
        revision = self._revisions.get((namespace, _main(service)))
        tenant, manifest = tenant_of(service), manifest_of(service, revision)
        place = namespace_of(tenant, self._install)
        if (namespace, name) != (place, manifest.name):
            raise InvalidRequest(
                f"Service {namespace}/{name} says that it is {manifest.name!r} of tenant "
                f"{tenant!r}, whose place is {place}/{manifest.name}: it is not served"
            )
        return Served(
            manifest=manifest,
            description=description_of(service, revision),
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


def _main(service: Object) -> str:
    """The revision that most calls go to; empty while none is ready."""
    targets = service.get("status", {}).get("traffic") or ()
    return choice.main(
        [Share(each.get("revisionName", ""), each.get("percent") or 0) for each in targets]
    )


def _problem(service: Mapping[str, Any]) -> str:
    """Why the newest configuration does not serve; empty while it does, or
    may yet."""
    conditions = service.get("status", {}).get("conditions") or ()
    for condition in conditions:
        if condition.get("type") == "ConfigurationsReady" and condition.get("status") == "False":
            return " ".join(str(condition.get("message", "")).split())
    return ""
