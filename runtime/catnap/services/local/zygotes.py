"""The zygotes of a platform: one for each Python environment and preload list."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from catnap.services.local.background import Background
from catnap.services.local.cgroups import Cgroups
from catnap.services.local.zygote import Zygote

IDLE = 30.0
"""Seconds a zygote stays after its last instance, so that the next start is warm."""

_Key = tuple[Path, tuple[str, ...]]
_BASE: _Key = (Path(sys.executable), ())


class Zygotes:
    """Starts one where it is needed, and ends it some time after the last need."""

    def __init__(
        self,
        cgroups: Cgroups,
        state: Path,
        clock: Callable[[], float],
        background: Background,
    ) -> None:
        """state: the platform's folder, which instances are kept from."""
        self._cgroups = cgroups
        self._state = state
        self._clock = clock
        self._background = background
        self._all: dict[_Key, Zygote] = {}
        self._unused: dict[_Key, float] = {}
        """Since when."""

    def get(self, python: Path, preload: tuple[str, ...]) -> Zygote:
        key = (python, preload)
        self._unused.pop(key, None)
        if key not in self._all:
            self._all[key] = Zygote(python, preload, self._cgroups, self._state)
        return self._all[key]

    @property
    def used(self) -> bool:
        """Whether any has instances."""
        return any(each.used for each in self._all.values())

    async def warm(self) -> None:
        """Starts the one that most skills share, ahead of its first use."""
        await self.get(*_BASE).start()

    def tick(self) -> None:
        """Ends what is idle for too long."""
        now = self._clock()
        for key, zygote in list(self._all.items()):
            if zygote.used:
                self._unused.pop(key, None)
            elif key == _BASE:
                continue  # shared by every skill without requirements: stays warm
            elif now - self._unused.setdefault(key, now) > IDLE:
                del self._all[key], self._unused[key]
                self._background.start(zygote.close())

    async def close(self) -> None:
        await asyncio.gather(*(each.close() for each in self._all.values()))
