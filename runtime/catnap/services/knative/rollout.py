"""Following what was deployed until each of it is ready, or never will be."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from catnap.errors import DeadlineExceeded, PermissionDenied
from catnap.services.cluster.names import GATEWAY, INSTALL
from catnap.services.knative import ready
from catnap.services.knative.api import Api, Object
from catnap.services.knative.kingress import CLASS
from catnap.services.knative.mirror import Key, Mirror
from catnap.services.knative.ready import Standing, Verdicts
from catnap.services.knative.reasons import Fault

_TICK = 0.5
"""Seconds between two looks at faults that have to last."""
_SERVING = "serving.knative.dev/v1"


@dataclass(frozen=True, slots=True)
class Subject:
    """What becomes ready: a skill's Service, or a Deployment of the platform."""

    label: str
    namespace: str
    name: str
    platform: bool = False


Tell = Callable[[Subject, Standing], None]


class Rollout:
    """services, revisions: those of the installation, by namespace and name."""

    def __init__(self, api: Api, install: str, ingress: str) -> None:
        """ingress: the class of the cluster's ingress."""
        self._api = api
        self._install = install
        self._ingress = ingress
        self._classes: Mapping[str, Object] = {}
        self._changed = asyncio.Event()
        self.services: dict[Key, Object] = {}
        self.revisions: dict[Key, Object] = {}
        self._deployments: dict[Key, Object] = {}
        self._claims: dict[Key, Object] = {}
        self._replica_sets: dict[Key, Object] = {}
        self._pods: dict[Key, Object] = {}

    async def follow(
        self, subjects: Sequence[Subject], timeout: float, tell: Tell
    ) -> dict[Subject, Standing]:
        """Returns when every subject is ready or has failed, at the latest
        after `timeout` seconds. tell: is told each change."""
        mirrors = await self._mirrors()
        try:
            await asyncio.gather(*(mirror.start() for mirror in mirrors))
            return await self._follow(subjects, timeout, tell)
        finally:
            await asyncio.gather(*(mirror.close() for mirror in mirrors))

    async def _mirrors(self) -> list[Mirror]:
        api, ours = self._api, f"{INSTALL}={self._install}"
        classes = await api.path_of_kind("storage.k8s.io/v1", "StorageClass")
        with suppress(PermissionDenied):  # they only make a reason clearer
            found = (await api.list(classes))["items"]
            self._classes = {each["metadata"]["name"]: each for each in found}
        mirrors = []
        for version, kind, namespace, kept in (
            (_SERVING, "Service", "", self.services),
            (_SERVING, "Revision", "", self.revisions),
            ("apps/v1", "Deployment", "", self._deployments),
            ("v1", "PersistentVolumeClaim", self._install, self._claims),
            ("v1", "Pod", "", self._pods),
        ):
            path = await api.path_of_kind(version, kind, namespace)
            mirrors.append(Mirror(api, path, labels=ours))
            mirrors[-1].listen(self._keep(kept))
        # The platform's own are its namespace's.
        for version, kind, kept in (
            ("v1", "Pod", self._pods),
            ("apps/v1", "ReplicaSet", self._replica_sets),
        ):
            mirrors.append(Mirror(api, await api.path_of_kind(version, kind, self._install)))
            mirrors[-1].listen(self._keep(kept))
        return mirrors

    def _keep(self, kept: dict[Key, Object]) -> Callable[[Mapping[Key, Object | None]], None]:
        def take(changes: Mapping[Key, Object | None]) -> None:
            for key, each in changes.items():
                if each is None:
                    kept.pop(key, None)
                else:
                    kept[key] = each
            self._changed.set()

        return take

    async def _follow(
        self, subjects: Sequence[Subject], timeout: float, tell: Tell
    ) -> dict[Subject, Standing]:
        began = time.monotonic()
        verdicts = Verdicts()
        last: dict[Subject, Standing] = {}
        while True:
            self._changed.clear()
            now = time.monotonic()
            standings = self.look(subjects, verdicts, now)
            if now - began > timeout:
                standings = {each: _late(standing, timeout) for each, standing in standings.items()}
            for each, standing in standings.items():
                if last.get(each) != standing:
                    tell(each, standing)
            last = standings
            if all(each.state != "waiting" for each in standings.values()):
                return standings
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self._changed.wait()

    def look(
        self, subjects: Iterable[Subject], verdicts: Verdicts, now: float
    ) -> dict[Subject, Standing]:
        """How each stands; the platform first, since skills depend on it."""
        pods = defaultdict(list)
        system = []
        for (namespace, _), pod in self._pods.items():
            if namespace == self._install:
                system.append(pod)
            elif revision := pod["metadata"].get("labels", {}).get(ready.REVISION):
                pods[namespace, revision].append(pod)
        standings = {}
        gateway: Standing | None = None
        for each in sorted(subjects, key=lambda each: not each.platform):
            key = (each.namespace, each.name)
            if each.platform:
                standing = ready.of_workload(
                    self._deployments.get(key),
                    self._replica_sets.values(),
                    system,
                    self._claims_of(each),
                    self._classes,
                )
            else:
                service = self.services.get(key)
                revision = (each.namespace, ready.newest(service))
                standing = ready.of_skill(
                    service,
                    self.revisions.get(revision),
                    self._deployments.get((each.namespace, f"{revision[1]}-deployment")),
                    pods[revision],
                    ingress=self._ingress,
                )
                standing = self._behind(gateway, standing)
            standings[each] = verdicts.take(each.label, standing, now)
            if each.platform and each.name == GATEWAY:
                gateway = standings[each]
        return standings

    def _claims_of(self, subject: Subject) -> list[Object]:
        return [claim for (_, name), claim in self._claims.items() if name == subject.name]

    def _behind(self, gateway: Standing | None, standing: Standing) -> Standing:
        """A skill's address is the gateway's to give, where no other ingress is."""
        if standing.text != ready.ADDRESS or self._ingress != CLASS or gateway is None:
            return standing
        if gateway.state == "failed":
            return _failed(standing, Fault("the gateway, which gives it its address, is not ready"))
        if gateway.state == "waiting":
            return replace(standing, fault=None, text="the gateway")
        return standing


def _late(standing: Standing, timeout: float) -> Standing:
    if standing.state != "waiting":
        return standing
    why = standing.fault.text if standing.fault else f"it still waits for {standing.text}"
    return _failed(standing, Fault(f"not ready in {timeout:.0f} s: {why}", error=DeadlineExceeded))


def _failed(standing: Standing, fault: Fault) -> Standing:
    return replace(standing, state="failed", fault=fault, text=fault.text)
