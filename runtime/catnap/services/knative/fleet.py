"""Revisions and their pods, as the cluster has them.

Pure but for the time after which a pod that did not answer is tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from catnap.http import Target
from catnap.services.knative import endpoints
from catnap.services.knative.mirror import Key
from catnap.services.knative.pods import Pod, Pods
from catnap.services.render import CATNAP
from catnap.sessions.table import IDLE
from catnap.skills.duration import Duration

PATH = "/apis/serving.knative.dev/v1/revisions"

DOUBT = 5.0
"""Seconds until a pod that did not answer is tried again, where the cluster
still says that it takes calls."""

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Revision:
    """affinity: whether a session's calls should go to one pod. session_idle:
    seconds without one after which a session is a new one. session_max: that
    a pod has, 0 for any number. known: whether the cluster has it; its pods may
    be seen first."""

    name: str
    pods: Pods = field(default_factory=Pods)
    service: str = ""
    affinity: bool = True
    session_idle: float = IDLE
    session_max: int = 0
    known: bool = False
    slices: dict[str, dict[str, Target]] = field(default_factory=dict)
    """Pods by slice: several make up one Service's."""


class Fleet:
    """Told by two mirrors: of Revisions, and of the EndpointSlices of their pods."""

    def __init__(self, gone: Callable[[Pod], None]) -> None:
        """gone: is told of each pod that takes no more calls."""
        self._gone = gone
        self._revisions: dict[Key, Revision] = {}
        self._services: defaultdict[Key, dict[str, Revision]] = defaultdict(dict)
        self._slices: dict[Key, Key] = {}
        """Whose pods a slice has."""

    def get(self, namespace: str, revision: str) -> Revision | None:
        return self._revisions.get((namespace, revision))

    def of(self, namespace: str, service: str) -> Iterable[Revision]:
        """Every revision of a service."""
        return self._services.get((namespace, service), {}).values()

    def lose(self, namespace: str, pod: Pod) -> None:
        """It could not be connected to."""
        revision = self._revisions.get((namespace, pod.revision))
        if revision is None:
            return
        revision.pods.lose(pod)
        self._gone(pod)
        loop = asyncio.get_running_loop()
        loop.call_later(DOUBT, self._count, (namespace, pod.revision))

    def take_revisions(self, changes: Mapping[Key, Mapping[str, Any] | None]) -> None:
        """What a mirror of Revisions tells."""
        for key, found in changes.items():
            if found is None:
                self._forget(key)
                continue
            meta, spec = found["metadata"], found["spec"]
            revision = self._revision(key)
            revision.known = True
            revision.service = (meta.get("labels") or {}).get("serving.knative.dev/service", "")
            about = meta.get("annotations") or {}
            revision.affinity = about.get(CATNAP + "session-affinity") != "false"
            with suppress(ValueError):  # whoever wrote it, the skill is called all the same
                idle = Duration.parse(about.get(CATNAP + "session-idle", IDLE))
                revision.session_idle = idle
                revision.session_max = int(about.get(CATNAP + "session-max", "0"))
            revision.pods.set_limit(spec.get("containerConcurrency") or 0)
            self._services[key[0], revision.service][key[1]] = revision

    def take_slices(self, changes: Mapping[Key, Mapping[str, Any] | None]) -> None:
        """What a mirror of EndpointSlices tells."""
        for key, found in changes.items():
            owner = self._slices.pop(key, None)
            pods: dict[str, Target] = {}
            if found is not None:
                owner = endpoints.revision(found)
                try:
                    pods = endpoints.pods(found)
                except msgspec.ValidationError as error:
                    _log.warning("EndpointSlice %s/%s: %s", *key, error)
            if owner is None or not owner[1]:
                continue
            slices = self._revision(owner).slices
            if found is None:
                slices.pop(key[1], None)
            else:
                self._slices[key] = owner
                slices[key[1]] = pods
            self._count(owner)

    def _revision(self, key: Key) -> Revision:
        return self._revisions.setdefault(key, Revision(key[1]))

    def _count(self, key: Key) -> None:
        revision = self._revisions.get(key)
        if revision is None:
            return
        found: dict[str, Target] = {}
        for pods in revision.slices.values():
            found.update(pods)
        for pod in revision.pods.replace(key[1], found):
            self._gone(pod)
        self._tidy(key, revision)

    def _forget(self, key: Key) -> None:
        revision = self._revision(key)
        revision.known = False
        revision.pods.set_limit(None)
        siblings = self._services[key[0], revision.service]
        siblings.pop(key[1], None)
        if not siblings:
            del self._services[key[0], revision.service]
        self._tidy(key, revision)

    def _tidy(self, key: Key, revision: Revision) -> None:
        if not revision.known and not revision.slices:
            self._revisions.pop(key, None)
