"""The models of this process: loaded at its start, and anew when somebody asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from catnap.errors import CatnapError, InvalidRequest, NotFound
from catnap.models.serving import folder
from catnap.models.serving.served import Served
from catnap.models.settings import Batch, Model

State = Literal["READY", "LOADING", "UNAVAILABLE"]

Read = Callable[[], Mapping[str, Model]]
"""The models there are to be, by their names. Raises InvalidRequest."""

Load = Callable[[str, Model], Mapping[str, Served]]
"""Loads every version of a model, which takes as long as it takes."""


_MadeOf = tuple[str, str, Batch]


@dataclass
class _Entry:
    versions: Mapping[str, Served] = field(default_factory=dict)
    state: State = "LOADING"
    reason: str = ""
    made_of: _MadeOf | None = None


@dataclass(frozen=True)
class Row:
    """One version of a model, or a model that has none. reason: of its state."""

    name: str
    version: str
    state: State
    reason: str


class Repository:
    """read: asked again at every `load`. load: called in a thread, one at a time."""

    def __init__(self, read: Read, load: Load) -> None:
        self._read = read
        self._load = load
        self._entries: dict[str, _Entry] = {}
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        """Loads them all. Raises InvalidRequest with what is wrong, a line each."""
        await self.take_up(self._read())

    async def take_up(self, models: Mapping[str, Model]) -> None:
        """Loads those that are new, or are to be loaded otherwise, and forgets those
        that are no more. Raises as start does; the others are taken up."""
        async with self._turn:
            gone = [self._entries.pop(name) for name in [*self._entries] if name not in models]
            wrong = list[str]()
            for name, model in models.items():
                try:
                    entry = self._entries.get(name)
                    if entry is None or entry.made_of != _made_of(model):
                        await self._take_up(name, model)
                except CatnapError as error:
                    wrong.append(f"[{name}] {error.message}")
            for entry in gone:
                await _close(entry.versions)
        if wrong:
            raise InvalidRequest("\n".join(wrong))

    async def load(self, name: str) -> None:
        """Loads a model from its folder as that is now, or anew. The one that is
        there answers until the new one is warm. Raises NotFound, InvalidRequest and
        Unavailable, and then nothing has changed. Who asked may leave meanwhile."""
        await asyncio.shield(asyncio.create_task(self._load_again(name)))

    async def unload(self, name: str) -> None:
        """It ends what it has begun. Raises NotFound."""
        async with self._turn:
            entry = self._entry(name)
            leaving, entry.versions = entry.versions, {}
            entry.state, entry.reason = "UNAVAILABLE", "it was unloaded"
            await _close(leaving)

    async def close(self) -> None:
        for entry in self._entries.values():
            leaving, entry.versions = entry.versions, {}
            await _close(leaving)

    def find(self, name: str, version: str = "") -> tuple[str, Served]:
        """The version that is asked for, or else the latest. Raises NotFound."""
        entry = self._entry(name)
        if not entry.versions:
            raise NotFound(f"model {name!r}: it is not loaded: {entry.reason}")
        version = version or folder.latest(entry.versions)
        served = entry.versions.get(version)
        if served is None:
            there = ", ".join(self.versions(name))
            raise NotFound(f"model {name!r}: no version {version!r}; there is {there}")
        return version, served

    def versions(self, name: str) -> list[str]:
        """Those that are loaded, the latest last."""
        return sorted(self._entry(name).versions, key=int)

    def __iter__(self) -> Iterator[Row]:
        for name, entry in self._entries.items():
            for version in self.versions(name) or [""]:
                yield Row(name, version, entry.state, entry.reason)

    def _entry(self, name: str) -> _Entry:
        entry = self._entries.get(name)
        if entry is None:
            raise NotFound(f"model {name!r}: unknown; there is {', '.join(self._entries)}")
        return entry

    async def _load_again(self, name: str) -> None:
        async with self._turn:
            model = self._read().get(name)
            if model is None:
                raise NotFound(f"model {name!r}: models.toml has no folder for it")
            await self._take_up(name, model)

    async def _take_up(self, name: str, model: Model) -> None:
        entry = self._entries.setdefault(name, _Entry())
        try:
            loaded = await asyncio.to_thread(self._load, name, model)
        except CatnapError as error:
            if not entry.versions:
                entry.state = "UNAVAILABLE"
            entry.reason = error.message
            raise
        for served in loaded.values():
            served.start()
        leaving, entry.versions = entry.versions, loaded
        entry.state, entry.reason, entry.made_of = "READY", "", _made_of(model)
        await _close(leaving)


def _made_of(model: Model) -> _MadeOf:
    """What of a table it is loaded by."""
    return model.folder, model.device, model.batch


async def _close(leaving: Mapping[str, Served]) -> None:
    await asyncio.gather(*(served.close() for served in leaving.values()))
