"""Why a pod that calls wait for does not start, and how one ended that had a
call at work.

Knative says neither: it holds a call until its timeout, or says `EOF`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
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
        first: dict[str, float] = {}
        while True:
            await asyncio.sleep(EVERY)
            pods = [each for each in await self._pods(revision) if not _leaves(each)]
            fault = reasons.of_pods(pods)
            now = time.monotonic()
            if fault and now - first.setdefault(fault.text, now) >= fault.after:
                return fault.error(f"{revision[1]} cannot start: {fault.text}")

    async def ended(self, revision: Key, pod: str, since: float) -> str:
        """What ended the skill's process in a pod after `since`, in seconds
        since the epoch; empty where that is not known. pod: empty for any."""
        for pause in LOOKS:
            await asyncio.sleep(pause)
            found = end(await self._pods(revision), pod, since)
            if found:
                return found
        return ""

    async def _pods(self, revision: Key) -> list[Mapping[str, Any]]:
        namespace, name = revision
        path = f"/api/v1/namespaces/{namespace}/pods"
        try:
            found = await self._api.list(path, f"serving.knative.dev/revision={name}")
        except CatnapError as error:
            _log.debug("pods of %s: %s", name, error.message)
            return []
        pods: list[Mapping[str, Any]] = found.get("items") or []
        return pods


def end(pods: Iterable[Mapping[str, Any]], name: str, since: float) -> str:
    """How the skill's process ended in one of these pods after `since`."""
    for pod in pods:
        if name and pod["metadata"]["name"] != name:
            continue
        for container in pod.get("status", {}).get("containerStatuses") or ():
            ended = _ended(container)
            if container["name"] == _CONTAINER and ended and _moment(ended) >= int(since):
                # As it was then: it may be back already.
                then = {"name": _CONTAINER, "state": {"terminated": ended}}
                fault = reasons.of_pod({**pod, "status": {"containerStatuses": [then]}})
                return fault.text if fault else ""
    return ""


def _ended(container: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for state in (container.get("state") or {}, container.get("lastState") or {}):
        ended: Mapping[str, Any] | None = state.get("terminated")
        if ended:
            return ended
    return None


def _moment(ended: Mapping[str, Any]) -> float:
    with contextlib.suppress(ValueError, TypeError):
        return datetime.fromisoformat(ended["finishedAt"]).timestamp()
    return 0.0


def _leaves(pod: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in pod["metadata"]
