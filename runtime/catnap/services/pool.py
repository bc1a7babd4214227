"""The instances of one revision that may meet the same callers.

A call that finds nobody wakes the first instance itself. How many there are
beyond that is Knative's autoscaler's to say: every two seconds, and at once
when a call has to wait, which only ever starts more. Such a look is by the same
averages; it spares a burst the rest of the two seconds, never the arithmetic.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from catnap.errors import CatnapError, SkillCrashed, Unavailable
from catnap.scaling.balance import Balance
from catnap.scaling.scaler import Decided, Scaler
from catnap.services.backoff import Crash
from catnap.services.instance import Instance, Interrupted
from catnap.services.place import Place
from catnap.services.revision import Revision
from catnap.services.room import Room
from catnap.services.waiting import Waiting
from catnap.sessions import DRAIN, Session, Table, choose

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
        self._make = make
        self._clock = clock
        self._room = room
        scale = replace(revision.scale, min_scale=0, initial_scale=0) if share else revision.scale
        self._scaler = Scaler(scale, clock())
        self._balance = Balance(revision.concurrency, random.Random())  # noqa: S311 - no secret
        self._backoff = room.backoff
        self.sessions = Table() if sessions is None else sessions
        self._waiting = Waiting(self._home, revision.concurrency, room.grew)
        self._inflight = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def empty(self) -> bool:
        return not self.instances and not self._waiting

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return len(self._waiting)

    @property
    def now(self) -> float:
        """Seconds, of the clock of its decisions."""
        return self._clock()

    @property
    def decisions(self) -> deque[Decided]:
        """The autoscaler's last ones; the newest is last."""
        return self._scaler.decisions

    @property
    def crash(self) -> Crash | None:
        """Why none can start, or why the last could not: until a call finds
        one that is ready."""
        return self._backoff.crash

    @property
    def retry_in(self) -> float:
        """Seconds until the next start after a crash; 0 where none waits."""
        return self._backoff.left(self._clock())

    async def acquire(self, session: str = "", *, nested: bool = False) -> tuple[Place, bool]:
        """A place at an instance, and whether that had to be started for this.

        nested: the caller may hold a place here itself.
        Raises Unavailable when too many wait, or why none can start.
        """
        home = self._bound(session, nested)
        instance = self._free(home)
        if instance is not None:
            if self._scaler.by_rate:
                self._scaler.arrived(self._clock())
            place = self._take(instance, home)
            self._measure()
            return place, False
        self._refuse()
        if self._scaler.by_rate:
            self._scaler.arrived(self._clock())
        started = {each for each in self.instances if each.ready}
        waiter = self._waiting.add(home)
        try:
            self._measure()
            self._hurry()
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
        self._inflight -= 1
        if place.home is not None:
            self.sessions.end(place.home, self._clock())
        self._serve()
        self._measure()
        if instance.idle:
            if instance.surplus:
                self._end(instance)
                self._restore()
            else:
                self._room.idle(self)
        if self.retired:
            self.adjust()

    def end(self, instance: Instance) -> None:
        """Gives an instance up: at once if nobody else is served there."""
        self._end(instance, now=instance.inflight <= 1)
        self._restore()

    def adjust(self) -> None:
        """Brings the number of instances to what is wanted now. To be called
        every two seconds."""
        if self.retired:
            self._scaler.wanted = 0
            for instance in [] if self._waiting else self._idle():
                self._end(instance)
        else:
            self._scaler.adjust(self._clock(), *self._counts())
            self._part(len(self._staying()) - self._scaler.wanted)
        self._restore()

    def scale_up(self) -> None:
        """Starts what is wanted for the calls that wait."""
        if self._waiting:
            self._restore()

    def spare(self, count: int) -> int:
        """Gives up to so many places of instances to another pool."""
        given = self._idle()[:count]
        self._scaler.wanted -= len(given)
        for instance in given:
            self._end(instance)
        return len(given)

    def _idle(self) -> list[Instance]:
        """Those that the fewest sessions would miss come first."""
        idle = [each for each in self.instances if each.idle]
        return sorted(idle, key=self.sessions.count)

    # --- places ------------------------------------------------------------------

    def _free(self, session: Session) -> Instance | None:
        """An instance with room, if nobody has to wait for it first."""
        if session:
            home = self._home(session)
            if home is not None:
                return home if self._has_room(home) else None
            free = {each.name: each for each in self.instances if self._is_open(each)}
            counts = {
                each.name: self.sessions.count(each) for each in self._staying() if each.ready
            }
            most = self.revision.session_max
            return free.get(choose(session, counts, free, most=most) or "")
        found = self._balance.choose(self.instances, self._is_open)
        return found or self._balance.choose(self.instances, self._has_room)

    def _bound(self, session: str, nested: bool) -> Session:
        """Whose home decides where a call goes; empty where none does: a nested
        call must not wait for the place that its own caller holds."""
        if not session or not self.revision.affinity:
            return ""
        found = self.sessions.at(session, self.revision.name, self._clock())
        home = self._home(found) if nested else None
        return "" if home is not None and not self._has_room(home) else found

    def _home(self, session: Session) -> Instance | None:
        """The instance of ours that a session's calls go to while it lives."""
        entry = self.sessions.home(session, self._clock()) if session else None
        if entry is None or entry.revision != self.revision.name:
            return None
        found = entry.instance
        return found if found in self.instances and found.alive else None

    def _end(self, instance: Instance, *, now: bool = False) -> None:
        instance.end(now=now)
        self._lose(instance)

    def _lose(self, instance: Instance) -> None:
        """It takes no more calls: sessions and who waits for it go elsewhere."""
        self.sessions.lose(instance, self._clock())
        self._waiting.forget(instance)
        self._room.give(instance)

    def _has_room(self, instance: Instance) -> bool:
        limit = self.revision.concurrency
        return instance.fit and (not limit or instance.inflight < limit)

    def _is_open(self, instance: Instance) -> bool:
        """Whether it has room and is to stay."""
        return not instance.surplus and self._has_room(instance)

    def _take(self, instance: Instance, session: Session) -> Place:
        instance.inflight += 1
        instance.served += 1
        self._inflight += 1
        self._backoff.well()
        if not session:
            return Place(instance)
        now = self._clock()
        home = self.sessions.home(session, now)
        if home is not None and home.revision != self.revision.name:
            return Place(instance)  # it has moved on while this call waited
        about = self.revision
        home = self.sessions.begin(
            session, about.name, instance, now, about.session_idle, about.session_max
        )
        self._waiting.settled(session, instance)
        return Place(instance, home)

    def _serve(self) -> None:
        """Gives what room there is to those who wait."""
        while self._waiting:
            instance = self._balance.choose(
                self.instances, lambda each: self._has_room(each) and self._waiting.wanted(each)
            )
            if instance is None:
                return
            waiter = self._waiting.next(instance)
            if waiter is None or waiter.place.done():
                continue
            if self._home(waiter.session) is not instance:
                self._keep(instance)
            waiter.place.set_result(self._take(instance, waiter.session))

    def _refuse(self) -> None:
        if self.crash and self.retry_in and not any(each.alive for each in self.instances):
            raise self._told(self.crash.error)
        self._room.admit(self.revision.name)

    def _told(self, error: CatnapError) -> CatnapError:
        """One error for each of those who waited, with when to come again."""
        left = self.retry_in
        return type(error)(error.message, retry_after=round(left, 1) if left else None)

    def _measure(self) -> None:
        calls = len(self._waiting) + self._inflight
        self._scaler.measure(self._clock(), calls, len(self.instances))

    # --- how many ----------------------------------------------------------------

    def _staying(self) -> list[Instance]:
        """Those that take new calls, or will."""
        return [each for each in self.instances if each.alive and not each.surplus]

    def _counts(self) -> tuple[int, int]:
        """Those of them that are ready, and all."""
        staying = self._staying()
        return sum(each.ready and not each.unready for each in staying), len(staying)

    def _at_once(self) -> int:
        return self._waiting.demand + self._inflight

    def _hurry(self) -> None:
        """A call has to wait."""
        if not self._waiting.demand:
            return  # for its session's own instance
        if not self.retired:
            self._scaler.hurry(self._clock(), *self._counts(), self._at_once())
        self._restore()

    def _restore(self) -> None:
        """Starts what is wanted and not there; one at least for who waits."""
        lacking = max(self._scaler.wanted, bool(self._waiting)) - len(self._staying())
        for instance in self.instances:
            if lacking > 0 and instance.surplus and instance.alive:
                self._keep(instance)
                lacking -= 1
        self._serve()
        self._start(lacking)
        self._measure()

    def _part(self, count: int) -> None:
        """Gives up so many: those that have nothing to do at once, others when
        their calls have ended. Whoever waits for one that starts shall have it."""
        now = self._clock()
        least = sorted(self._staying(), key=lambda each: (each.inflight, self.sessions.count(each)))
        for instance in least[: max(0, count)]:
            if instance.idle or not (instance.ready or self._waiting):
                self._end(instance)
            elif instance.ready:
                instance.surplus = True
                self.sessions.drain(instance, now, now + DRAIN)

    def _keep(self, instance: Instance) -> None:
        """It is to stay after all."""
        if instance.surplus:
            instance.surplus = False
            self.sessions.stay(instance)

    # --- starting and ending -------------------------------------------------------

    def _start(self, count: int) -> None:
        if count <= 0:
            return
        if self.crash and self.retry_in:
            if not any(each.alive for each in self.instances):
                self._fail_waiting(self.crash.error)
            return
        for _ in range(self._room.grant(self, count)):
            name = f"{self.revision.name}-{secrets.token_hex(3)}"
            try:
                instance = self._make(self.revision, name)
            except Exception as error:
                self._failed(self._explained(error, name))
                return
            self.instances.append(instance)
            self._room.take(instance)
            instance.mended = self._serve
            instance.exited.add_done_callback(functools.partial(self._gone, instance))
            instance.leaving.add_done_callback(functools.partial(self._left, instance))
            task = asyncio.create_task(self._bring_up(instance))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _bring_up(self, instance: Instance) -> None:
        try:
            await instance.start()
        except Exception as error:
            stopped = instance.draining
            self._end(instance, now=True)
            interrupted = isinstance(error, Interrupted) or instance.leaving.done()
            if not (self._backoff.forgives() if interrupted else stopped):
                status = instance.exited.result() if instance.exited.done() else None
                self._failed(self._explained(error, instance.name), status, instance.said)
                return
            self._restore()  # nobody can be blamed: who waits shall have another
            return
        if instance.exited.done():
            self._crashed(instance)  # its last word was that it is ready
            return
        self._backoff.started(self._clock())
        self._serve()
        self._measure()
        if self._waiting.demand:
            if not self.retired:
                self._scaler.look(self._clock(), *self._counts(), self._at_once())
            self._restore()
        elif instance.idle:
            self._room.idle(self)

    def _crashed(self, instance: Instance) -> None:
        status = instance.exited.result()
        message = f"{instance.name} ended with status {status} before any call"
        self._failed(SkillCrashed(message), status, instance.said)

    def _explained(self, error: Exception, name: str) -> CatnapError:
        if isinstance(error, CatnapError):
            return error
        _log.error("instance %s could not be started", name, exc_info=error)
        return Unavailable(f"{self.revision.name} could not be started: {error}")

    def _failed(self, error: CatnapError, status: int | None = None, line: str = "") -> None:
        self._backoff.failed(self._clock(), error, status, line)
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
        self._restore()

    def _gone(self, instance: Instance, exited: asyncio.Future[int]) -> None:
        self.instances.remove(instance)
        self._lose(instance)
        if not instance.draining:
            status = exited.result()
            _log.warning("instance %s ended with status %s", instance.name, status)
            if instance.ready and not instance.served:
                self._crashed(instance)
        if instance.ready or instance.draining:
            self._restore()  # else `_bring_up` says what became of its start
        self._room.freed()

    def leave(self) -> None:
        """It is empty and nobody will ask it again."""
        self._room.leave(self)

    async def close(self) -> None:
        """Ends every instance and waits until they are gone."""
        self.retired = True
        self._scaler.wanted = 0
        self._fail_waiting(self._backoff.close())
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
