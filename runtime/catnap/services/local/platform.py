"""The Platform port on this machine."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from catnap.http import Client
from catnap.services import environment, images
from catnap.services.controller import Controller
from catnap.services.fleet import Fleet
from catnap.services.ledger import Ledger
from catnap.services.local.background import Background
from catnap.services.local.cgroups import Cgroups
from catnap.services.local.delivering import Deliveries, Delivering
from catnap.services.local.exchange import Exchange
from catnap.services.local.instance import Instance
from catnap.services.local.keeping import Keeping
from catnap.services.local.launch import Launch, Output
from catnap.services.local.rounds import every
from catnap.services.local.secrets import Secrets, none
from catnap.services.local.zygotes import Zygotes
from catnap.services.platform import Route, Status
from catnap.services.revision import Revision
from catnap.services.snapshot import Service
from catnap.services.traffic import Target

TICK = 2.0
"""Seconds between two decisions of the autoscaler, and looks at what could be ended."""

LOOK = 0.25
"""Seconds between two looks at what instances take."""


class LocalPlatform:
    """Runs Services as processes of this machine.

    Revision numbers outlast a restart, so a name always means the same
    template. The gateway's address goes into each instance's environment.
    """

    def __init__(
        self,
        home: Path,
        callback: str,
        on_output: Output,
        clock: Callable[[], float] = time.monotonic,
        egress: str = "",
        chance: Callable[[], float] = random.random,
        keeping: Keeping | None = None,
        secrets: Secrets = none,
    ) -> None:
        """clock: seconds, for all that scales. egress: where the proxy that
        instances leave by listens. chance: 0 <= n < 1, for what is split.
        keeping: of the sessions' folders, where skills may have any. secrets:
        gives those of instances."""
        ledger = Ledger(home / "services")
        env = {"CATNAP_CALLBACK": callback} | ({"CATNAP_EGRESS": egress} if egress else {})
        env["CATNAP_UV"] = environment.installer()  # always: a skill may not name it
        self._home = home
        self._sources: dict[str, tuple[Path, Path]] = {}
        """Interpreter and folder by image."""
        self._client = Client()
        self._background = Background()
        self._cgroups = Cgroups(home)
        self._zygotes = Zygotes(self._cgroups, home, clock, self._background)
        self._launch = Launch(
            *(home, env, on_output, self._zygotes, self._cgroups, self._client),
            *(self._background, keeping, secrets),
        )
        self._fleet = Fleet(self._instance, clock, chance)
        exchange = Exchange(self._client, self._background)
        self._deliveries = Deliveries(self._fleet, exchange, keeping)
        self._controller = Controller(self._fleet, ledger, self._prepare)
        self._background.start(self._cgroups.clear())
        self._rounds = [self._background.start(every(TICK, self._tick))]
        if self._cgroups.unbound and sys.platform == "linux":
            self._rounds.append(self._background.start(every(LOOK, self._launch.watch)))

    # --- what there is ---------------------------------------------------

    async def apply(self, service: Mapping[str, Any]) -> str:
        return await self._controller.apply(service)

    async def route(self, namespace: str, service: str, targets: Iterable[Target]) -> None:
        await self._controller.route(namespace, service, targets)

    async def delete(self, namespace: str, service: str) -> None:
        await self._controller.delete(namespace, service)

    async def _prepare(self, revisions: Iterable[Revision]) -> None:
        found = {}
        for image in {each.image for each in revisions}:
            folder = images.find(image, self._home).resolve()
            found[image] = (await environment.ensure(folder, self._home), folder)
        # All at once: `collect` finds them of use from here on.
        self._sources |= found

    def tagged(self, namespace: str, service: str, tag: str) -> str:
        return self._controller.tagged(namespace, service, tag)

    def image(self, namespace: str, service: str, targets: Iterable[Target] | None = None) -> str:
        return self._controller.image(namespace, service, targets)

    def newest(self, service: str) -> str:
        return self._controller.newest(service)

    def forget(self, service: str) -> None:
        self._controller.forget(service)

    def collect(self) -> set[str]:
        needed = self._controller.images()
        self._sources = {image: self._sources[image] for image in self._sources.keys() & needed}
        return needed

    def status(self) -> list[Status]:
        return self._fleet.status()

    def look(self, namespace: str, service: str) -> Service:
        return self._controller.look(namespace, service)

    def snapshot(self) -> list[Service]:
        return self._controller.snapshot()

    # --- a request ---------------------------------------------------------

    def deliver(
        self, route: Route, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> Delivering:
        return Delivering(self._deliveries, route, headers, body)

    def _instance(self, revision: Revision, name: str) -> Instance:
        return self._launch.instance(revision, name, *self._sources[revision.image])

    # --- what runs it ----------------------------------------------------------

    async def warm(self) -> None:
        """Starts the zygote that most skills share, ahead of its first use."""
        await self._zygotes.warm()

    async def _tick(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Ends what is idle for too long."""
        self._fleet.tick()
        self._zygotes.tick()

    async def close(self) -> None:
        for each in self._rounds:
            each.cancel()
        await self._fleet.close()
        await self._zygotes.close()
        await self._background.close()
        await self._client.close()
        await self._cgroups.close()
        self._launch.close()
