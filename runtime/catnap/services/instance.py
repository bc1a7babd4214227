"""One running copy of a revision, as a pool sees it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from catnap.errors import SkillCrashed


class Interrupted(SkillCrashed):
    """It was told to end, by somebody else, before it was ready."""


class Instance(ABC):
    """Something that can be started and ended, and the calls it has at work."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.inflight = 0
        self.served = 0
        """Calls it was given so far."""
        self.ready = False
        self.draining = False
        """It was told to end."""
        self.born = asyncio.get_running_loop().time()
        self.leaving: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done once it says by itself that it is about to end."""
        self.doubts = 0
        """Checks under way whether it still answers: it is given no call
        meanwhile."""
        self.unready = False
        """Its readiness probe fails: it is given no call until that is well,
        and does not count as one that could have any."""
        self.surplus = False
        """It is not wanted any more and ends when its calls have; until then
        whoever finds no other may have it."""
        self.mended: Callable[[], None] = lambda: None
        """To be called when it may have calls again."""
        self.timings: dict[str, float] = {}
        """What start, import and init took, in milliseconds."""
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """The exit status, or minus the signal."""

    @property
    def alive(self) -> bool:
        """Whether it takes calls, or will once it has started."""
        return not self.draining and not self.exited.done()

    @property
    def staying(self) -> bool:
        """Whether it is to take new calls, once it has started."""
        return self.alive and not self.surplus

    @property
    def fit(self) -> bool:
        """Whether it may be given a call."""
        return self.ready and self.alive and not (self.doubts or self.unready)

    @property
    def said(self) -> str:
        """The last line that it wrote."""
        return ""

    @property
    def idle(self) -> bool:
        return self.ready and not self.inflight and self.alive

    @abstractmethod
    async def start(self) -> None:
        """Returns when it is ready. Raises SkillCrashed with what it said,
        Unavailable or Interrupted."""

    @abstractmethod
    def end(self, *, now: bool = False) -> None:
        """Lets it finish and exit; `now` does not let it. Sets `exited` in
        any case, sooner or later."""
