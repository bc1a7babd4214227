"""What a cluster's objects say of a Service, its traffic and its revisions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from catnap.errors import InvalidRequest
from catnap.services import snapshot, traffic
from catnap.services.knative.mirror import Key
from catnap.services.knative.pods import Pod, Pods
from catnap.services.knative.reasons import condition
from catnap.services.traffic import LATEST, Target

_LABEL = "serving.knative.dev/"


@dataclass(frozen=True, slots=True)
class Service:
    """latest: the newest revision that has been ready; empty for none yet."""

    traffic: tuple[Target, ...] = LATEST
    latest: str = ""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Service:
        latest = (found.get("status") or {}).get("latestReadyRevisionName", "")
        return cls(traffic.read(found) or LATEST, latest)


@dataclass(frozen=True, slots=True)
class Revision:
    """number: of its Service's edits. created: seconds since the epoch. ready:
    whether it is; whether it has served, the cluster does not keep."""

    name: str
    service: str
    number: int
    created: float | None
    ready: bool

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Revision:
        meta = found["metadata"]
        labels, created = meta.get("labels") or {}, meta.get("creationTimestamp")
        return cls(
            name=meta["name"],
            service=labels.get(f"{_LABEL}service", ""),
            number=int(labels.get(f"{_LABEL}configurationGeneration", 0)),
            created=datetime.fromisoformat(created).timestamp() if created else None,
            ready=condition(found.get("status") or {}, "Ready").get("status") == "True",
        )


def of(tenant: str, name: str, service: Service, revisions: Iterable[Revision]) -> snapshot.Service:
    """With all that the objects say; what only the gateway sees is left out."""
    shares = {
        each.revision: each.percent for each in traffic.shares(service.traffic, service.latest)
    }
    tags = traffic.tags(service.traffic, service.latest)
    return snapshot.Service(
        tenant=tenant,
        name=name,
        traffic=service.traffic,
        revisions=[
            snapshot.Revision(
                name=each.name,
                latest=each.name == service.latest,
                percent=shares.get(each.name, 0),
                tags=sorted(tag for tag, to in tags.items() if to == each.name),
                created=each.created,
                served=each.ready,
            )
            for each in sorted(revisions, key=lambda each: each.number, reverse=True)
        ],
    )


class Objects:
    """Told by two mirrors: of Services, and of Revisions."""

    def __init__(self) -> None:
        self._services: dict[Key, Service] = {}
        self._owners: dict[Key, Key] = {}
        """Service by revision."""
        self._revisions: defaultdict[Key, dict[str, Revision]] = defaultdict(dict)
        """By Service and name."""

    def take_services(self, changes: Mapping[Key, Mapping[str, Any] | None]) -> None:
        for key, found in changes.items():
            self._services.pop(key, None)
            with suppress(InvalidRequest):  # it says what no cluster of ours does
                if found is not None:
                    self._services[key] = Service.of(found)

    def take_revisions(self, changes: Mapping[Key, Mapping[str, Any] | None]) -> None:
        for key, found in changes.items():
            namespace, name = key
            if owner := self._owners.pop(key, None):
                del self._revisions[owner][name]
                if not self._revisions[owner]:
                    del self._revisions[owner]
            if found is not None:
                revision = Revision.of(found)
                self._owners[key] = owner = (namespace, revision.service)
                self._revisions[owner][name] = revision

    def snapshot(self, tenant: str, key: Key) -> snapshot.Service:
        """As the objects say. Of a Service that is not known, nothing."""
        revisions = self._revisions.get(key, {}).values()
        known = self._services.get(key)
        return of(tenant, key[1], known or Service(traffic=()), revisions)


def seen(
    service: snapshot.Service,
    shares: Mapping[str, int],
    pods: Callable[[str], Pods],
    sessions: Callable[[Pod], int],
) -> snapshot.Service:
    """What the objects say, with what the gateway sees.

    shares: percent by revision, as calls meet it. pods: of a revision.
    sessions: how many are at home at each pod.
    """
    replace = msgspec.structs.replace
    return replace(
        service,
        revisions=[
            replace(
                each,
                percent=shares.get(each.name, 0),
                waiting=pods(each.name).waiting,
                instances=[
                    snapshot.Instance(
                        name=pod.name,
                        state="ready",
                        inflight=pod.inflight,
                        sessions=sessions(pod),
                    )
                    for pod in pods(each.name)
                ],
            )
            for each in service.revisions
        ],
    )
