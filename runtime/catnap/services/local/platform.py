"""The Platform port on this machine."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from catnap.errors import DeadlineExceeded, Unavailable
from catnap.http import Client
from catnap.http.client import ConnectionLost
from catnap.services import environment, images
from catnap.services.controller import Controller
from catnap.services.deadlines import Deadlines
from catnap.services.fleet import Fleet
from catnap.services.ledger import Ledger
from catnap.services.local import usage
from catnap.services.local.cgroups import Cgroups
from catnap.services.local.instance import Instance, Plan
from catnap.services.local.probing import answers, follow
from catnap.services.local.rounds import every
from catnap.services.local.scratch import Scratch
from catnap.services.local.sockets import Sockets
from catnap.services.local.zygote import Zygote
from catnap.services.place import Place
from catnap.services.platform import Delivery, Route, Status
from catnap.services.pool import Pool
from catnap.services.probes import Probes
from catnap.services.revision import Revision
from catnap.services.snapshot import Service
from catnap.services.timeouts import Patience, paced
from catnap.services.timings import waited
from catnap.services.traffic import Target

TICK = 2.0
"""Seconds between two decisions of the autoscaler, and looks at what could be ended."""

LOOK = 0.25
"""Seconds between two looks at what instances take."""

ZYGOTE_IDLE = 30.0
"""Seconds a zygote stays after its last instance, so that the next start is warm."""

SENDS = 3
"""Instances that a call may meet just as they end."""

CHECK = 2.0
"""Seconds in which an instance that lost a call must show that it is well."""

LAST_WORDS = 1.0
"""Seconds after its end that the output of an instance is still read: what
it started may hold the pipe for ever."""

_NOBODY = (ConnectionRefusedError, FileNotFoundError)
"""What the kernel says of a socket that nobody listens on."""

_BASE: tuple[Path, tuple[str, ...]] = (Path(sys.executable), ())
_log = logging.getLogger(__name__)

Output = Callable[[str, str, str, str, bytes], None]
"""Namespace, service, instance, `stdout` or `stderr`, and one line."""


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
    ) -> None:
        """clock: seconds, for all that scales. egress: where the proxy that
        instances leave by listens. chance: 0 <= n < 1, for what is split."""
        self._home = home
        self._callback = callback
        self._egress = {"CATNAP_EGRESS": egress} if egress else {}
        self._on_output = on_output
        self._fleet = Fleet(self._instance, clock, chance)
        self._sources: dict[str, tuple[Path, Path]] = {}
        """Interpreter and folder by image."""
        self._zygotes: dict[tuple[Path, tuple[str, ...]], Zygote] = {}
        self._unused: dict[tuple[Path, tuple[str, ...]], float] = {}
        self._instances: set[Instance] = set()
        self._client = Client()
        self._controller = Controller(self._fleet, Ledger(home / "services"), self._prepare)
        self._tasks: set[asyncio.Task[None]] = set()
        self._clock = clock
        self._deadlines = Deadlines()
        self._cgroups = Cgroups(home)
        self._scratch = Scratch(home)
        self._sockets = Sockets(home)
        self._spawn(self._cgroups.clear())
        rounds = [every(TICK, self._tick)]
        if self._cgroups.unbound and sys.platform == "linux":
            rounds.append(every(LOOK, self._watch))
        self._ticking = asyncio.gather(*rounds)

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

    @asynccontextmanager
    async def deliver(
        self, route: Route, headers: Sequence[tuple[bytes, bytes]], body: bytes
    ) -> AsyncIterator[Delivery]:
        began = time.perf_counter()
        pool = self._fleet.pool(route)
        patience = Patience(self._deadlines, pool.revision.name, pool.revision.timeouts)
        with patience:
            for _ in range(SENDS):
                place, cold = await pool.acquire(route.session, nested=route.nested)
                milliseconds = (time.perf_counter() - began) * 1000
                timings = waited(milliseconds, place.instance.timings if cold else None)
                exchange = self._exchange(pool, place, headers, body, timings, patience)
                try:
                    async with exchange as delivery:
                        yield delivery
                    return
                except _NotBegun:
                    pool = self._fleet.pool(route)
        raise Unavailable(f"instances of {route.service} end before they can be called")

    @asynccontextmanager
    async def _exchange(
        self,
        pool: Pool,
        place: Place,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timings: dict[str, float],
        patience: Patience,
    ) -> AsyncIterator[Delivery]:
        """Holds the place of one call from its sending to its end."""
        instance = place.instance
        assert isinstance(instance, Instance)
        suspect = True
        try:
            try:
                reply = await self._client.request(instance.target, "POST", "/", headers, body)
            except Unavailable as error:
                suspect = False
                if not isinstance(error.__cause__, _NOBODY):
                    raise  # trouble of ours, such as no descriptor to be had
                # It has just ended, or takes no more connections.
                pool.end(instance)
                raise _NotBegun from None
            except ConnectionLost:
                if await instance.untouched():
                    suspect = False
                    raise _NotBegun from None
                raise
            try:
                # Past its deadline it may be stuck for ever.
                suspect = reply.status == 504
                patience.answered()
                about = pool.revision
                passed_on = paced(reply, about.name, about.timeouts)
                yield Delivery(passed_on, instance.name, timings)
            except (asyncio.CancelledError, DeadlineExceeded):
                suspect = True
                raise
            finally:
                reply.close()
        except ConnectionLost:
            suspect = True
            raise await instance.crash() from None
        finally:
            if suspect:
                instance.doubts += 1
                self._spawn(self._check(pool, place))
            else:
                pool.release(place)

    async def _check(self, pool: Pool, place: Place) -> None:
        """A call was given up: an instance that no longer answers is ended.
        It keeps the call's place until that is known."""
        instance = place.instance
        assert isinstance(instance, Instance)
        try:
            healthy = await answers(self._client, instance.target, "/healthz", CHECK)
            if not healthy and instance.alive:
                _log.warning("instance %s does not answer any more and is ended", instance.name)
                pool.end(instance)
        finally:
            instance.doubts -= 1
            pool.release(place)

    def _instance(self, revision: Revision, name: str) -> Instance:
        python, folder = self._sources[revision.image]
        scratch = self._scratch.make()
        # As Knative Serving has it: terminationGracePeriodSeconds is timeoutSeconds.
        grace = revision.timeouts.whole
        plan = Plan(
            revision=revision.name,
            folder=folder,
            env={
                "PATH": "/usr/local/bin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                **revision.env,
                "PORT": "8080",
                "K_SERVICE": revision.service,
                "K_CONFIGURATION": revision.service,
                "K_REVISION": revision.name,
                "CATNAP_CALLBACK": self._callback,
                **self._egress,
                "CATNAP_CONCURRENCY": str(revision.concurrency),
                "CATNAP_GRACE": str(grace),
                "CATNAP_INSTANCE": name,
                "CATNAP_LOG": "json",
                "TMPDIR": str(scratch),
            },
            limits=self._cgroups.limits(revision.bounds),
            memory=revision.bounds.memory,
            grace=grace,
            watched=self._cgroups.unbound,
            sockets=self._sockets.folder,
            scratch=scratch,
            on_output=lambda instance, stream, line: self._on_output(
                revision.namespace, revision.service, instance, stream, line
            ),
            on_ready=lambda instance: self._probe(revision.probes, instance),
        )
        instance = Instance(name, plan, self._zygote(python, revision.preload))
        self._instances.add(instance)
        instance.exited.add_done_callback(lambda _: self._ended(instance, scratch))
        return instance

    def _probe(self, probes: Probes, instance: Instance) -> None:
        """Follows an instance that is ready for as long as it lives."""

        def open_(well: bool) -> None:
            instance.unready = not well
            instance.mended()

        def alive(well: bool) -> None:
            if not well:
                _log.warning("instance %s fails its liveness probe and is ended", instance.name)
                instance.fail()

        for probe, turned in ((probes.readiness, open_), (probes.liveness, alive)):
            if probe is not None:
                work = follow(probe, self._client, instance.target, turned)
                following = self._spawn(work)
                instance.exited.add_done_callback(functools.partial(_cancel, following))

    def _ended(self, instance: Instance, scratch: Path) -> None:
        self._spawn(self._scratch.remove(scratch))
        self._client.forget(instance.target)
        asyncio.get_running_loop().call_later(LAST_WORDS, self._forget, instance)

    def _forget(self, instance: Instance) -> None:
        instance.close()
        self._instances.discard(instance)

    # --- what runs it ----------------------------------------------------------

    def _zygote(self, python: Path, preload: tuple[str, ...]) -> Zygote:
        key = (python, preload)
        self._unused.pop(key, None)
        if key not in self._zygotes:
            self._zygotes[key] = Zygote(python, preload, self._cgroups, self._home)
        return self._zygotes[key]

    async def warm(self) -> None:
        """Starts the zygote that most skills share, ahead of its first use."""
        await self._zygote(*_BASE).start()

    async def _watch(self) -> None:
        """Ends what takes more than it may, where no cgroup binds it."""
        live = {each.pid: each for each in self._instances if each.pid}
        for pid, taken in (await asyncio.to_thread(usage.taken, live.keys())).items():
            live[pid].check(taken)

    async def _tick(self) -> None:
        self.tick()

    def tick(self) -> None:
        """Ends what is idle for too long."""
        self._fleet.tick()
        now = self._clock()
        for key, zygote in list(self._zygotes.items()):
            if zygote.used:
                self._unused.pop(key, None)
            elif key == _BASE:
                continue  # shared by every skill without requirements: stays warm
            elif now - self._unused.setdefault(key, now) > ZYGOTE_IDLE:
                del self._zygotes[key], self._unused[key]
                self._spawn(zygote.close())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        self._ticking.cancel()
        await self._fleet.close()
        await asyncio.gather(*(each.close() for each in self._zygotes.values()))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(self._ticking, *self._tasks, return_exceptions=True)
        for instance in self._instances:
            instance.close()
        await self._client.close()
        await self._cgroups.close()
        self._scratch.close()
        self._sockets.close()


def _cancel(task: asyncio.Task[None], _: object) -> None:
    task.cancel()


class _NotBegun(Exception):
    """An instance did nothing of what was sent, if it was: another may have it."""
