"""What is deployed, made ready here: skills shown to work, images where the
cluster finds them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from catnap.errors import CatnapError, InvalidRequest
from catnap.services.cluster.install import Install
from catnap.services.cluster.names import GATEWAY, MODELS
from catnap.services.cluster.skill import Skill
from catnap.services.containers import (
    AT_ONCE,
    PLATFORM,
    Built,
    build_platform,
    build_skill,
    check,
    publish,
)
from catnap.services.knative.order import Order, Tell
from catnap.services.source import Source, load

_LOADS = 4
"""Skills loaded at once, each by a process of its own."""


class Workshop:
    def __init__(self, order: Order, cluster: str, tell: Tell) -> None:
        """cluster: its identity, so that it is not sent what it has.

        Raises InvalidRequest where it is not said how it gets images.
        """
        platform = PLATFORM if order.whole else ()
        names = [*platform, *(folder.name for folder in order.folders)]
        if not order.images.keys() >= set(names):
            check(order.build)
        self._order = order
        self._cluster = cluster
        self._tell = tell
        self._building = asyncio.Semaphore(AT_ONCE)
        self._loading = asyncio.Semaphore(_LOADS)

    async def skill(self, folder: Path) -> Skill | CatnapError:
        """A skill that can be deployed, or what keeps it from that."""
        try:
            return await self._skill(folder)
        except CatnapError as error:
            self._tell(folder.name, "failed", error.message)
            return error

    async def install(self) -> Install:
        """The installation, with the images of its platform, if that is deployed."""
        if not self._order.whole:
            return self._order.install
        gateway, models = await asyncio.gather(self._platform(GATEWAY), self._platform(MODELS))
        return replace(self._order.install, gateway=gateway, models=models)

    async def _skill(self, folder: Path) -> Skill:
        name = folder.name
        async with self._loading:
            self._tell(name, "working", "checking it")
            source = await load(folder, self._order.home, self._say(name))
        self._check(source)
        image = self._order.images.get(name) or await self._image(
            name, lambda: build_skill(folder, self._order.build, self._say(name))
        )
        return Skill(manifest=source.manifest, image=image, description=source.description)

    def _check(self, source: Source) -> None:
        for model in source.manifest.models.allow:
            if model not in self._order.models:
                known = ", ".join(sorted(self._order.models)) or "none"
                raise InvalidRequest(
                    f"skill.toml: models.allow: there is no model {model!r}; there are: {known}"
                )

    async def _platform(self, name: str) -> str:
        return self._order.images.get(name) or await self._image(
            name, lambda: build_platform(PLATFORM[name], self._order.build, self._say(name))
        )

    async def _image(self, label: str, build: Callable[[], Awaitable[Built]]) -> str:
        async with self._building:
            self._tell(label, "working", "its image")
            built = await build()
            return await publish(built, self._order.build, self._say(label), self._cluster)

    def _say(self, label: str) -> Callable[[str], None]:
        return lambda text: self._tell(label, "working", text.partition(": ")[2] or text)
