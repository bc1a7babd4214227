"""Models at zero: woken by the first who asks, and put to sleep when nobody does."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from catnap.errors import CatnapError, DeadlineExceeded, ResourceExhausted, Unavailable
from catnap.models.reach import answers
from catnap.models.settings import Model, Wake

REFUSED = 10.0
"""Seconds for which a deployment that could not be woken is not tried again."""

POLL = 0.5
"""Seconds between two looks at whether its servers answer."""


class Uses(Protocol):
    """When each deployment was last asked, by whichever gateway."""

    async def note(self, deployment: str, now: float) -> None:
        """now: seconds since the epoch."""

    async def last(self, deployment: str) -> float | None:
        """In seconds since the epoch; None where nobody knows."""


class Deployments(Protocol):
    """What runs the servers, by `namespace/name`. Both raise CatnapError, and do
    nothing where it is as wanted already."""

    async def start(self, deployment: str) -> None:
        """Has one pod where it had none."""

    async def stop(self, deployment: str) -> None:
        """Has none."""


@dataclass(eq=False, slots=True)
class _Deployment:
    wake: Wake
    servers: tuple[str, ...]
    resting: asyncio.Task[None] | None = None
    starting: asyncio.Task[None] | None = None
    awake: bool = False
    at_work: int = 0
    waiting: int = 0
    asked: float = -math.inf
    """When a request was last at work, by the clock."""
    refusal: str = ""
    """Why it could not be started the last time; empty where it could."""
    refused_until: float = -math.inf
    scaling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """A start that comes while it is put to sleep is one after that."""

    def rest_no_more(self) -> None:
        if self.resting:
            self.resting.cancel()
            self.resting = None


class Use:
    """One request's hold on a deployment: while it has it, that stays awake.
    woken: whether it waited for a start."""

    __slots__ = ("_clock", "_deployment", "woken")

    def __init__(self, deployment: _Deployment, clock: Callable[[], float]) -> None:
        self._deployment = deployment
        self._clock = clock
        self.woken = False
        deployment.at_work += 1

    def end(self, *, reached: bool = True) -> None:
        """reached: whether there was a server; else it is looked at anew."""
        self._deployment.at_work -= 1
        self._deployment.asked = self._clock()
        self._deployment.awake &= reached


class Waking:
    """Of one event loop. Gateways that share a store agree there on when a model
    was last asked."""

    def __init__(
        self,
        deployments: Deployments,
        uses: Uses,
        announce: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._cluster = deployments
        self._uses = uses
        self._announce = announce
        self._clock = clock
        self._wall = wall
        self._deployments: dict[str, _Deployment] = {}

    def change(self, models: Mapping[str, Model]) -> None:
        """These are the models from now on. One whose table no longer has `wake`
        stays as it is."""
        before, self._deployments = self._deployments, {}
        for model in models.values():
            if model.wake:
                name = model.wake.deployment
                found = self._deployments.get(name) or before.pop(name, None)
                if found is None:
                    found = _Deployment(model.wake, model.servers)
                found.wake, found.servers = model.wake, model.servers
                self._deployments[name] = found
                if found.resting is None and model.wake.idle:
                    found.resting = asyncio.create_task(self._rest(name, found))
                elif not model.wake.idle:
                    found.rest_no_more()
        for gone in before.values():
            gone.rest_no_more()  # who waits for its start still may

    async def use(self, name: str, model: Model, deadline: float | None) -> Use | None:
        """Returns when the model's servers answer. deadline: of the clock.

        Raises Unavailable where it cannot be woken, for a while to all who ask;
        DeadlineExceeded where that took too long, though it goes on; and
        ResourceExhausted where as many wait as may.
        """
        found = self._deployments.get(model.wake.deployment) if model.wake else None
        if found is None:
            return None
        use = Use(found, self._clock)
        try:
            if not self._is_awake(found):
                await self._woken(name, model, found, deadline)
                use.woken = True
        except BaseException:
            use.end()
            raise
        return use

    async def close(self) -> None:
        for each in self._deployments.values():
            for task in (each.resting, each.starting):
                if task:
                    task.cancel()
        self._deployments = {}

    def _is_awake(self, found: _Deployment) -> bool:
        """Another gateway may have put to sleep what this one was long not asked."""
        idle = found.wake.idle
        recent = found.at_work > 1 or self._clock() - found.asked < idle / 2
        return found.awake and (recent or not idle)

    async def _woken(
        self, name: str, model: Model, found: _Deployment, deadline: float | None
    ) -> None:
        now = self._clock()
        if found.refusal and now < found.refused_until:
            raise Unavailable(found.refusal, retry_after=found.refused_until - now)
        if found.waiting >= model.limits.waiting:
            raise ResourceExhausted(
                f"model {name!r}: it is being started, and {found.waiting:,} requests wait already",
                retry_after=REFUSED,
            )
        if found.starting is None:
            found.starting = asyncio.create_task(self._start(found))
        found.waiting += 1
        try:
            async with asyncio.timeout(None if deadline is None else deadline - now):
                await asyncio.shield(found.starting)
        except TimeoutError:
            raise DeadlineExceeded(
                f"model {name!r} was at zero, and its start takes longer: try again"
            ) from None
        finally:
            found.waiting -= 1
        if found.refusal:
            raise Unavailable(found.refusal, retry_after=REFUSED)

    async def _start(self, found: _Deployment) -> None:
        """Leaves the refusal, if that is what it comes to."""
        name, wake = found.wake.deployment, found.wake
        found.refusal = ""
        try:
            async with found.scaling:
                await self._cluster.start(name)
            async with asyncio.timeout(wake.timeout):
                await _answering(found.servers)
            found.awake, found.asked = True, self._clock()
        except CatnapError as error:
            self._refuse(found, f"deployment {name} cannot be started: {error.message}")
        except TimeoutError:
            namespace, _, short = name.partition("/")
            self._refuse(
                found,
                f"deployment {name} was started and does not answer after {wake.timeout:g} s: "
                f"`kubectl -n {namespace} describe deployment {short}` says why",
            )
        finally:
            found.starting = None

    def _refuse(self, found: _Deployment, why: str) -> None:
        found.refusal = f"the model is at zero: {why}"
        found.refused_until = self._clock() + REFUSED
        self._announce(why)

    async def _rest(self, name: str, found: _Deployment) -> None:
        """Runs until cancelled: puts it to sleep when nobody has asked for so long."""
        while True:
            pause = found.wake.idle / 4
            await asyncio.sleep(pause)
            try:
                if found.at_work or self._clock() - found.asked <= pause:
                    await self._uses.note(name, self._wall())
                    continue
                last = await self._uses.last(name)
                if last is None:
                    await self._uses.note(name, self._wall())
                elif self._wall() - last >= found.wake.idle and not found.at_work:
                    found.awake = False
                    async with found.scaling:
                        await self._cluster.stop(name)
            except CatnapError as error:
                self._announce(f"deployment {name} cannot be put to sleep: {error.message}")


async def _answering(servers: Iterable[str]) -> None:
    while True:
        if any(await asyncio.gather(*map(answers, servers))):
            return
        await asyncio.sleep(POLL)
