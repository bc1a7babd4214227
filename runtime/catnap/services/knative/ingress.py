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
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from catnap.errors import InvalidRequest
from catnap.services.cluster.names import DEFAULT_INSTALL, gateway_host
from catnap.services.knative import kingress
from catnap.services.knative.api import Api, Object
from catnap.services.knative.conditions import differs, status
from catnap.services.knative.kingress import KIngress
from catnap.services.knative.marks import Marks
from catnap.services.knative.mirror import Key, Mirror
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
    the table is.

    now: the time, for conditions that change. retry: seconds until a write
    that failed is made again; doubles each time.
    """

    def __init__(
        self,
        api: Api,
        install: str = DEFAULT_INSTALL,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        retry: float = 1.0,
    ) -> None:
        self.table = Table(())
        self._install = install
        self._address = gateway_host(install)
        self._now = now
        self._marks = Marks(api, retry)
        self._objects: dict[Key, _Known] = {}
        self._namespaces: dict[str, Namespace] = {}
        self._complete = False
        self._mirrors = (Mirror(api, kingress.PATH), Mirror(api, NAMESPACES))
        self._mirrors[0].listen(self._on_ingresses)
        self._mirrors[1].listen(self._on_namespaces)

    async def start(self) -> None:
        """Returns when the table holds all there is now.

        Raises what keeps it from being read.
        """
        async with asyncio.TaskGroup() as group:
            for mirror in self._mirrors:
                group.create_task(mirror.start())
        self._complete = True
        self._rebuild()
        self._marks.start()

    async def close(self) -> None:
        for mirror in self._mirrors:
            await mirror.close()
        await self._marks.close()

    def owner(self, ingress: KIngress) -> Skill | Plain | None:
        """Whose an object of the table is; None where it was just taken away."""
        known = self._objects.get(ingress.key)
        found = known.standing if known else None
        return found if isinstance(found, Skill | Plain) else None

    def tenant_of(self, namespace: str) -> str:
        """Empty for a namespace that is no tenant's of this install."""
        found = self._namespaces.get(namespace, Namespace())
        return found.tenant if found.install == self._install else ""

    # --- what is told --------------------------------------------------------------------

    def _on_namespaces(self, changes: Mapping[Key, Object | None]) -> None:
        before = dict(self._namespaces)
        for (_, name), document in changes.items():
            if document is None:
                self._namespaces.pop(name, None)
            else:
                self._namespaces[name] = Namespace.of(document)
        if self._namespaces != before:
            self._rebuild()

    def _on_ingresses(self, changes: Mapping[Key, Object | None]) -> None:
        learned = [self._learn(key, document) for key, document in changes.items()]
        if any(learned):
            self._rebuild()

    def _learn(self, key: Key, document: Object | None) -> bool:
        """Whether the table changes by it."""
        known = self._objects.get(key)
        try:
            ingress = None if document is None else kingress.read(document)
        except InvalidRequest as error:
            _log.error("%s is not served: %s", "/".join(key), error.message)
            ingress = None
        if document is None or ingress is None:
            self._marks.forget(_path(key))
            return self._objects.pop(key, None) is not None
        if known is None or known.ingress != ingress:
            self._objects[key] = _Known(document, ingress)
            return True
        # Only its status is another: what we wrote, or what somebody did to it.
        known.document = document
        self._mark(known)
        return False

    # --- what follows ------------------------------------------------------------------

    def _rebuild(self) -> None:
        if not self._complete:
            return
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
            self._marks.set(_path(known.ingress.key), wanted)
        else:
            self._marks.forget(_path(known.ingress.key))


def _sound(ingress: KIngress) -> bool:
    try:
        kingress.check(ingress)
    except InvalidRequest:
        return False
    return True


def _path(key: Key) -> str:
    namespace, name = key
    root, _, plural = kingress.PATH.rpartition("/")
    return f"{root}/namespaces/{namespace}/{plural}/{name}"
