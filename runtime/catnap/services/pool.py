"""The instances of one revision that may meet the same callers.

From zero on the first request, more while requests wait, fewer when the
window has been quieter, back to zero when it was quiet.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from collections.abc import Callable
from dataclasses import replace

from catnap.errors import CatnapError, ResourceExhausted, SkillCrashed, Unavailable
from catnap.scaling import Load, want
from catnap.services.instance import Instance, Interrupted
from catnap.services.place import Place
from catnap.services.revision import Revision
from catnap.services.room import Room
from catnap.services.waiting import Waiting
from catnap.sessions import Table, choose

MAX_WAITING = 10_000
BACK_OFF = (0.5, 30.0)
"""Seconds without a start after one that failed: at first, and at most."""

INTERRUPTIONS = 3
"""Starts in a row that somebody else may end before it counts as a failure."""

_log = logging.getLogger(__name__)


class Pool:
    """Hands out places at instances, and keeps as many as are wanted."""

    def __init__(
        self,
        revision: Revision,
        make: Callable[[Revision, str], Instance],
        clock: Callable[[], float],
        room: Room,
        share: str = "",
        sessions: Table[Instance] | None = None,
    ) -> None:
        """make: of an instance by its name, not started yet. share: whose
        calls meet here; only what all share is kept while nobody calls.
        sessions: of the whole service."""
        self.revision = revision
        self.instances: list[Instance] = []
        self.retired = False
        """A newer revision serves: only what waits here already is served."""
        self._scale = replace(revision.scale, min=0) if share else revision.scale
        self._make = make
        self._clock = clock
        self._room = room
        self._load = Load(revision.window)
        self._sessions = Table() if sessions is None else sessions
        self._waiting = Waiting(self._home, revision.concurrency)
        self._quiet_at = clock() + revision.window
        self._failures = 0
        self._interruptions = 0
        self._refuse_until = 0.0
        self._failure: CatnapError | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._load.set(clock(), 0)
        room.join(self)

    @property
    def empty(self) -> bool:
        return not self.instances and not self._waiting

    async def acquire(self, session: str = "") -> tuple[Place, bool]:
        """A place at an instance, and whether that had to be started for this.

        Raises ResourceExhausted when too many wait, or why none can start.
        """
        session = session if self.revision.affinity else ""
        instance = self._free(session)
        if instance is not None:
            return self._take(instance, session), False
        self._refuse()
        started = {each for each in self.instances if each.ready}
        waiter = self._waiting.add(session)
        self._measure()
        self.scale_up()
        try:
            place = await waiter.place
        except BaseException:
            if _granted(waiter.place):
                self.release(waiter.place.result())  # given at the moment the caller left
            self._waiting.remove(waiter)
            self._measure()
            raise
        return place, place.instance not in started

    def release(self, place: Place) -> None:
        """Gives a place back."""
        instance = place.instance
        instance.inflight -= 1
        if place.home is not None:
            self._sessions.end(place.home, self._clock())
        self._serve()
        self._measure()
        if instance.idle:
            self._room.freed()
        if self.retired:
            self.adjust()

    def end(self, instance: Instance) -> None:
        """Gives an instance up: at once if nobody else is served there."""
        instance.end(now=instance.inflight <= 1)
        self._lose(instance)
        self._serve()
        self.scale_up()

    def adjust(self) -> None:
        """Brings the number of instances to what is wanted now."""
        now = self._clock()
        alive = [each for each in self.instances if each.alive]
        if self.retired:
            wanted = len(alive) if self._waiting else 0
        else:
            wanted = want(self._scale, self._load.average(now), self._at_once())
            if wanted == 0 and now < self._quiet_at + self.revision.retention:
                wanted = min(1, len(alive))
        for instance in self.idle()[: max(0, len(alive) - wanted)]:
            instance.end()
        if wanted > len(alive):
            self._start(wanted - len(alive))
        self.scale_up()

    def scale_up(self) -> None:
        """Starts what is wanted for the calls that are here."""
        if self._waiting:
            alive = sum(each.alive for each in self.instances)
            at_once = self._waiting.demand + sum(each.inflight for each in self.instances)
            self._start(want(self._scale, 0.0, at_once) - alive)

    def idle(self) -> list[Instance]:
        """Those that the fewest sessions would miss come first."""
        idle = [each for each in self.instances if each.idle]
        return sorted(idle, key=self._sessions.count)

    def _free(self, session: str) -> Instance | None:
        """An instance with room, if nobody has to wait for it first."""
        home = self._home(session)
        if home is not None:
            return home if self._has_room(home) else None
        free = {each.name: each for each in self.instances if self._has_room(each)}
        if not session:
            return min(free.values(), key=lambda each: each.inflight, default=None)
        there = [each for each in self.instances if each.ready and each.alive]
        counts = {each.name: self._sessions.count(each) for each in there}
        return free.get(choose(session, counts, free) or "")

    def _home(self, session: str) -> Instance | None:
        """The instance of ours that a session's calls go to while it lives."""
        entry = self._sessions.home(session, self._clock()) if session else None
        if entry is None or entry.revision != self.revision.name or entry.instance is None:
            return None
        return entry.instance if entry.instance.alive else None

    def _lose(self, instance: Instance) -> None:
        self._sessions.lose(instance, self._clock())
        self._waiting.forget(instance)

    def _has_room(self, instance: Instance) -> bool:
        limit = self.revision.concurrency
        fit = instance.ready and instance.alive and not instance.doubts
        return fit and (not limit or instance.inflight < limit)

    def _take(self, instance: Instance, session: str) -> Place:
        instance.inflight += 1
        instance.served += 1
        self._failures = 0
        home = None
        if session:
            now = self._clock()
            home = self._sessions.begin(session, self.revision.name, instance, now)
        self._measure()
        return Place(instance, home)

    def _serve(self) -> None:
        while self._waiting:
            free = [
                each
                for each in self.instances
                if self._has_room(each) and self._waiting.wanted(each)
            ]
            if not free:
                return
            instance = min(free, key=lambda each: each.inflight)
            waiter = self._waiting.next(instance)
            if waiter is not None and not waiter.place.done():
                waiter.place.set_result(self._take(instance, waiter.session))

    def _refuse(self) -> None:
        now = self._clock()
        if self._failure and now < self._refuse_until:
            raise self._told(self._failure)
        if len(self._waiting) >= MAX_WAITING:
            raise ResourceExhausted(
                f"{MAX_WAITING:,} calls wait for {self.revision.service} already", retry_after=1
            )

    def _told(self, error: CatnapError) -> CatnapError:
        """One error for each of those who waited, with when to come again."""
        left = self._refuse_until - self._clock()
        known = 0.0 < left < float("inf")
        return type(error)(error.message, retry_after=round(left, 1) if known else None)

    def _at_once(self) -> int:
        return len(self._waiting) + sum(each.inflight for each in self.instances)

    def _measure(self) -> None:
        now = self._clock()
        at_once = self._at_once()
        self._load.set(now, at_once)
        if at_once == 0:
            self._quiet_at = now + self.revision.window

    # --- starting and ending ---------------------------------------------------

    def _start(self, count: int) -> None:
        if count <= 0 or self._clock() < self._refuse_until:
            return
        for _ in range(self._room.grant(self, count)):
            instance = self._make(self.revision, f"{self.revision.name}-{secrets.token_hex(3)}")
            self.instances.append(instance)
            instance.exited.add_done_callback(functools.partial(self._gone, instance))
            instance.leaving.add_done_callback(functools.partial(self._left, instance))
            task = asyncio.create_task(self._bring_up(instance))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _bring_up(self, instance: Instance) -> None:
        try:
            await instance.start()
        except Exception as error:
            instance.end(now=True)
            if isinstance(error, Interrupted) and self._interruptions < INTERRUPTIONS:
                self._interruptions += 1
                return  # another has been started for those who wait
            if not isinstance(error, CatnapError):
                _log.exception("instance %s could not be started", instance.name)
                error = Unavailable(f"{self.revision.name} could not be started: {error}")
            self._failed(error)
            return
        self._failure, self._refuse_until, self._interruptions = None, 0.0, 0
        self._serve()
        self._measure()
        if instance.idle:
            self._room.freed()

    def _failed(self, error: CatnapError) -> None:
        """Back-off, doubling; those of one round that fail count once."""
        now = self._clock()
        if now >= self._refuse_until:
            first, most = BACK_OFF
            self._refuse_until = now + min(most, first * 2.0 ** min(self._failures, 30))
            self._failures += 1
        self._failure = error
        if not any(each.alive for each in self.instances):
            self._fail_waiting(error)

    def _fail_waiting(self, error: CatnapError) -> None:
        for waiter in self._waiting.drain():
            if not waiter.place.done():
                waiter.place.set_exception(self._told(error))
        self._measure()

    def _left(self, instance: Instance, _: asyncio.Future[None]) -> None:
        """Somebody else told it to end: its place is taken at once."""
        self._lose(instance)
        self._serve()
        self.adjust()

    def _gone(self, instance: Instance, exited: asyncio.Future[int]) -> None:
        self.instances.remove(instance)
        self._lose(instance)
        if not instance.draining:
            status = exited.result()
            _log.warning("instance %s ended with status %s", instance.name, status)
            if instance.ready and not instance.served:
                self._failed(
                    SkillCrashed(f"{instance.name} ended with status {status} before any call")
                )
        self._serve()
        self.scale_up()
        self._room.freed()

    def leave(self) -> None:
        """It is empty and nobody will ask it again."""
        self._room.leave(self)

    async def close(self) -> None:
        """Ends every instance and waits until they are gone."""
        self.retired = True
        self._refuse_until = float("inf")
        self._failure = Unavailable("the platform is stopping")
        self._fail_waiting(self._failure)
        for instance in list(self.instances):
            instance.end()
        gone = [each.exited for each in self.instances]
        if gone:
            await asyncio.wait(gone, timeout=5)
        for instance in list(self.instances):
            instance.end(now=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _granted(place: asyncio.Future[Place]) -> bool:
    return place.done() and not place.cancelled() and place.exception() is None
