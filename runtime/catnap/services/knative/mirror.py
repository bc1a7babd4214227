"""The objects of one kind, as the cluster has them, kept by a watch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing

from catnap.services.knative.api import Api, Object
from catnap.services.knative.watch import Change, Snapshot, watch

_log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Namespace and name."""

Listener = Callable[[Mapping[Key, Object | None]], None]
"""Is told what is new or has changed, as it now is, and None for what is gone."""


class Mirror:
    """Tells its listeners everything there is, then every change to it.

    Nothing is kept here but which objects there are: what is needed of them,
    a listener keeps.
    """

    def __init__(self, api: Api, path: str, *, labels: str = "") -> None:
        """path: of the kind, in one namespace or in all. labels: a selector."""
        self._api = api
        self._path = path
        self._labels = labels
        self._versions: dict[Key, str] = {}
        self._listeners: list[Listener] = []
        self._watching: asyncio.Task[None] | None = None

    def listen(self, listener: Listener) -> None:
        """To be called before `start`."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Returns when the listeners know all there is.

        Raises what keeps the kind from being read at all.
        """
        known: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watching = asyncio.create_task(self._watch(known))
        await asyncio.wait([known, self._watching], return_when=asyncio.FIRST_COMPLETED)
        if not known.done():
            await self._watching

    async def close(self) -> None:
        if self._watching:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _watch(self, known: asyncio.Future[None]) -> None:
        async with aclosing(watch(self._api, self._path, labels=self._labels)) as changes:
            async for told in changes:
                self._tell(self._changes(told))
                if not known.done():
                    known.set_result(None)

    def _changes(self, told: Snapshot | Change) -> dict[Key, Object | None]:
        changes: dict[Key, Object | None] = {}
        if isinstance(told, Change):
            objects: tuple[Object, ...] = (told.object,)
            gone = {_key(told.object)} if told.type == "DELETED" else set()
        else:
            objects = told.objects
            gone = self._versions.keys() - {_key(each) for each in objects}
        for each in objects:
            key, version = _key(each), each["metadata"]["resourceVersion"]
            if key not in gone and self._versions.get(key) != version:
                self._versions[key] = version
                changes[key] = each
        for key in gone:
            self._versions.pop(key, None)
            changes[key] = None
        return changes

    def _tell(self, changes: Mapping[Key, Object | None]) -> None:
        if not changes:
            return
        for listener in self._listeners:
            try:
                listener(changes)
            except Exception:
                # One object that nobody had thought of must not end the watch.
                _log.exception("a change of %s was not taken up", self._path)


def _key(each: Object) -> Key:
    meta = each["metadata"]
    return meta.get("namespace", ""), meta["name"]
