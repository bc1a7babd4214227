"""Why a pod that calls wait for does not start, and how one ended that had a
call at work.

Knative says neither: it holds a call until its timeout, or says `EOF`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from catnap.errors import CatnapError
from catnap.services.knative import reasons
from catnap.services.knative.api import Api
from catnap.services.knative.mirror import Key

EVERY = 2.0
"""Seconds between two looks at the pods that are waited for."""

LOOKS = (0.2, 0.5, 1.0)
"""Seconds before each look for how a pod ended: its node tells in its own time."""

_CONTAINER = "user-container"
_log = logging.getLogger(__name__)


class Faults:
    """Reads pods. Where the cluster does not allow that, nothing is found."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._looking: dict[Key, tuple[asyncio.Task[CatnapError], int]] = {}
        """Who looks, and for how many calls."""

    @asynccontextmanager
    async def starting(self, revision: Key) -> AsyncIterator[asyncio.Task[CatnapError]]:
        """Looks at the pods of a revision that has none that is ready: the
        task ends with why they will not be, and else never. One for all
        calls that wait."""
        task, calls = self._looking.get(revision) or (self._look(revision), 0)
        self._looking[revision] = task, calls + 1
        try:
            yield task
        finally:
            task, calls = self._looking.pop(revision)
            if calls > 1:
                self._looking[revision] = task, calls - 1
            else:
                task.cancel()

    def _look(self, revision: Key) -> asyncio.Task[CatnapError]:
        return asyncio.create_task(self._until_fault(revision))

    async def _until_fault(self, revision: Key) -> CatnapError:
        began, first = time.time(), dict[str, float]()
        while True:
            await asyncio.sleep(EVERY)
            pods = await self._list("/api/v1", "pods", revision)
            fault = start(pods, began)
            if not pods:
                made = await self._list("/apis/apps/v1", "deployments", revision)
                fault = next(filter(None, map(reasons.of_deployment, made)), None)
            now = time.time()
            if fault and now - first.setdefault(fault.text, now) >= fault.after:
                return fault.error(f"{revision[1]} cannot start: {fault.text}")

    async def ended(self, revision: Key, pod: str, since: float) -> str:
        """What ended the skill's process in a pod after `since`, in seconds
        since the epoch; empty where that is not known. pod: empty for any."""
        for pause in LOOKS:
            await asyncio.sleep(pause)
            found = end(await self._list("/api/v1", "pods", revision), pod, since)
            if found:
                return found
        return ""

    async def _list(self, root: str, kind: str, revision: Key) -> list[Mapping[str, Any]]:
        namespace, name = revision
        path = f"{root}/namespaces/{namespace}/{kind}"
        try:
            found = await self._api.list(path, f"serving.knative.dev/revision={name}")
        except CatnapError as error:
            _log.debug("%s of %s: %s", kind, name, error.message)
            return []
        objects: list[Mapping[str, Any]] = found.get("items") or []
        return objects


def start(pods: Iterable[Mapping[str, Any]], since: float) -> reasons.Fault | None:
    """What keeps these pods from being ready.

    A process that began before `since` has served others: how it ended says
    nothing of the next, and what it wrote last is not for everybody.
    """
    return reasons.of_pods(
        {**pod, "status": {**pod["status"], "containerStatuses": _since(pod, since)}}
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
    )


def end(pods: Iterable[Mapping[str, Any]], name: str, since: float) -> str:
    """How the skill's process ended in one of these pods after `since`, less
    what it wrote: that may be another caller's."""
    for pod in pods:
        if name and pod["metadata"]["name"] != name:
            continue
        for container in pod.get("status", {}).get("containerStatuses") or ():
            ended = _ended(container)
            if container["name"] == _CONTAINER and ended and _at(ended, "finishedAt") >= int(since):
                # As it was then: it may be back already.
                then = {"name": _CONTAINER, "state": {"terminated": {**ended, "message": ""}}}
                fault = reasons.of_pod({**pod, "status": {"containerStatuses": [then]}})
                return fault.text if fault else ""
    return ""


def _since(pod: Mapping[str, Any], since: float) -> Iterator[Mapping[str, Any]]:
    for container in pod["status"].get("containerStatuses") or ():
        ended = _ended(container)
        if ended is None or _at(ended, "startedAt") >= int(since):
            yield container
            continue
        state = container.get("state") or {}
        waits = (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff"
        last = {"terminated": {**ended, "message": ""}} if waits else {}
        yield {**container, "state": {**state, "terminated": None}, "lastState": last}


def _ended(container: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for state in (container.get("state") or {}, container.get("lastState") or {}):
        ended: Mapping[str, Any] | None = state.get("terminated")
        if ended:
            return ended
    return None


def _at(ended: Mapping[str, Any], name: str) -> float:
    with contextlib.suppress(KeyError, ValueError, TypeError):
        return datetime.fromisoformat(ended[name]).timestamp()
    return 0.0
