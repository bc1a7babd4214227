"""The gateway as Knative's networking layer: from Ingress objects to a table.

An object is marked ready once the table in use serves it, so whoever waits for
a Knative Service to be ready finds its host answered.

The gateway has one listener, within the cluster. What reaches it from outside
comes through what the cluster's operator put in front of it, and that must not
pass on the hosts that are for the cluster only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from catnap.errors import InvalidRequest
from catnap.services.cluster.names import DEFAULT_INSTALL, gateway_host
from catnap.services.knative import kingress
from catnap.services.knative.api import Api, Object
from catnap.services.knative.conditions import differs, status
from catnap.services.knative.kingress import KIngress
from catnap.services.knative.marks import Marks
from catnap.services.knative.owners import (
    Elsewhere,
    Namespace,
    Plain,
    Refused,
    Skill,
    Standing,
    standing,
)
from catnap.services.knative.routing import Table
from catnap.services.knative.watch import Change, Snapshot, watch

NAMESPACES = "/api/v1/namespaces"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    """An object as it last was, and what we make of it."""

    document: Object
    ingress: KIngress
    standing: Standing = field(default_factory=Elsewhere)
    conflict: Refused | None = None


class Ingresses:
    """Keeps `table` as the cluster's Ingress objects say, and their status as
    the table is. `run` it, and wait for `known`.

    now: the time, for conditions that change.
    """

    def __init__(
        self,
        api: Api,
        install: str = DEFAULT_INSTALL,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.table = Table(())
        self.known = asyncio.Event()
        """Set once the table holds all that the cluster had at the start."""
        self._api = api
        self._install = install
        self._address = gateway_host(install)
        self._now = now
        self._marks = Marks(api)
        self._objects: dict[str, _Known] = {}
        self._namespaces: dict[str, Namespace] = {}
        self._untold = {kingress.PATH, NAMESPACES}

    def owner(self, ingress: KIngress) -> Skill | Plain | None:
        """Whose an object of the table is; None where it was just taken away."""
        known = self._objects.get(ingress.id)
        found = known.standing if known else None
        return found if isinstance(found, Skill | Plain) else None

    async def run(self) -> None:
        """Until it is cancelled. Raises what `watch` raises at its start."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(kingress.PATH, self._on_ingress))
            group.create_task(self._follow(NAMESPACES, self._on_namespace))
            group.create_task(self._marks.run())

    async def _follow(self, path: str, take: Callable[[Snapshot | Change], bool]) -> None:
        async with aclosing(watch(self._api, path)) as changes:
            async for change in changes:
                affected = take(change)
                self._untold.discard(path)
                if not self._untold and (affected or not self.known.is_set()):
                    self._rebuild()
                    self.known.set()

    # --- what is told, and whether the table changes by it ---------------------------

    def _on_namespace(self, change: Snapshot | Change) -> bool:
        before = dict(self._namespaces)
        if isinstance(change, Snapshot):
            self._namespaces = {_id(each): Namespace.of(each) for each in change.objects}
        elif change.type == "DELETED":
            self._namespaces.pop(_id(change.object), None)
        else:
            self._namespaces[_id(change.object)] = Namespace.of(change.object)
        return before != self._namespaces

    def _on_ingress(self, change: Snapshot | Change) -> bool:
        if isinstance(change, Snapshot):
            self._objects.clear()
            for each in change.objects:
                self._learn(each)
            return True
        if change.type == "DELETED":
            self._marks.forget(_path(change.object))
            return self._objects.pop(_id(change.object), None) is not None
        return self._learn(change.object)

    def _learn(self, document: Object) -> bool:
        name = _id(document)
        try:
            ingress = kingress.read(document)
        except InvalidRequest as error:
            _log.error("%s is not served: %s", name, error.message)
            return self._objects.pop(name, None) is not None
        known = self._objects.get(name)
        if known is None or known.ingress != ingress:
            self._objects[name] = _Known(document, ingress)
            return True
        # Only its status is another: what we wrote, or what somebody did to it.
        known.document = document
        self._mark(known)
        return False

    # --- what follows ------------------------------------------------------------------

    def _rebuild(self) -> None:
        served, others = [], []
        for known in self._objects.values():
            known.standing = self._standing(known.ingress)
            if isinstance(known.standing, Skill | Plain):
                served.append(known.ingress)
            elif isinstance(known.standing, Elsewhere) and _sound(known.ingress):
                others.append(known.ingress)
        self.table = Table(served, others)
        for known in self._objects.values():
            known.conflict = self._conflict(known)
            self._mark(known)

    def _standing(self, ingress: KIngress) -> Standing:
        namespace = self._namespaces.get(ingress.metadata.namespace)
        if namespace is None:
            return Elsewhere()  # of a namespace that will be told, or that is gone
        return standing(ingress, namespace, self._install)

    def _conflict(self, known: _Known) -> Refused | None:
        if not isinstance(known.standing, Skill | Plain):
            return None
        for host in (host for rule in known.ingress.spec.rules for host in rule.hosts):
            found = self.table.find(host)
            if found and found.ingress is not known.ingress:
                return Refused("HostConflict", f"{host} is {found.ingress.id}'s already")
        return None

    def _mark(self, known: _Known) -> None:
        if isinstance(known.standing, Elsewhere):
            return
        refused = known.standing if isinstance(known.standing, Refused) else known.conflict
        now = self._now().strftime("%Y-%m-%dT%H:%M:%SZ")
        wanted = status(known.document, refused, self._address, now)
        if differs(known.document, wanted):
            self._marks.set(_path(known.document), wanted)
        else:
            self._marks.forget(_path(known.document))


def _sound(ingress: KIngress) -> bool:
    try:
        kingress.check(ingress)
    except InvalidRequest:
        return False
    return True


def _id(document: Object) -> str:
    metadata = document["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def _path(document: Object) -> str:
    metadata = document["metadata"]
    root, _, plural = kingress.PATH.rpartition("/")
    return f"{root}/namespaces/{metadata['namespace']}/{plural}/{metadata['name']}"
