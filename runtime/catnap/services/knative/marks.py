"""Status objects on their way to the cluster: the newest of each wins."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping
from typing import Any

from catnap.errors import CatnapError, NotFound
from catnap.services.knative.api import Api
from catnap.services.knative.watch import pause

AT_ONCE = 8
"""Writes under way at most."""

_log = logging.getLogger(__name__)


class Marks:
    """What is still to be written, by the path of its object.

    They carry no resourceVersion: observedGeneration says which version a
    status is about, so a late one never passes for that of a newer object.
    """

    def __init__(self, api: Api, retry: float, chance: Callable[[], float] = random.random) -> None:
        """retry: seconds until a write that failed is made again; doubles each
        time, shortened by `chance`."""
        self._api = api
        self._retry = retry
        self._chance = chance
        self._wanted: dict[str, Mapping[str, Any]] = {}
        self._more = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._writing = asyncio.create_task(self._write_all())

    async def close(self) -> None:
        if self._writing:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    def set(self, path: str, status: Mapping[str, Any]) -> None:
        self._wanted[path] = status
        self._more.set()

    def forget(self, path: str) -> None:
        """It has it already, or is gone."""
        self._wanted.pop(path, None)

    async def _write_all(self) -> None:
        """What cannot be written now is tried again, ever more slowly, until it
        can be or is not wanted any more."""
        failures = 0
        while True:
            await self._more.wait()
            self._more.clear()
            room = asyncio.Semaphore(AT_ONCE)
            async with asyncio.TaskGroup() as group:
                written = [
                    group.create_task(self._write(room, path, status))
                    for path, status in list(self._wanted.items())
                ]
            if all(each.result() for each in written):
                failures = 0
                continue
            failures += 1
            self._more.set()
            await asyncio.sleep(pause(failures, self._retry, self._chance()))

    async def _write(self, room: asyncio.Semaphore, path: str, status: Mapping[str, Any]) -> bool:
        async with room:
            if self._wanted.get(path) is not status:
                return True
            try:
                await self._api.patch_status(path, {"status": status})
            except NotFound:
                pass
            except CatnapError as error:
                _log.warning("the status of %s is not written yet: %s", path, error.message)
                return False
        if self._wanted.get(path) is status:
            del self._wanted[path]
        return True
