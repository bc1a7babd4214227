"""The instances of one revision that may meet the same callers.

A call that finds nobody wakes the first instance itself. How many there are
beyond that is Knative's autoscaler's to say: every two seconds, and at once
when a call has to wait, which only ever starts more. Such a look is by the same
averages; it spares a burst the rest of the two seconds, never the arithmetic.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from catnap.errors import CatnapError
from catnap.scaling.scaler import Decided, Scaler
from catnap.services.backoff import Crash
from catnap.services.crew import Crew
from catnap.services.instance import Instance
from catnap.services.place import Place
from catnap.services.places import Places
from catnap.services.revision import Revision
from catnap.services.room import Room
from catnap.sessions import Session, Table


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
        self.sessions = Table() if sessions is None else sessions
        self.retired = False
        """A newer revision serves: only what waits here already is served."""
        self._clock = clock
        self._room = room
        scale = replace(revision.scale, min_scale=0, initial_scale=0) if share else revision.scale
        self._scaler = Scaler(scale, clock())
        self._crew = Crew(revision, make, clock, room, self)
        self._places = Places(revision, self._crew.instances, clock, self.sessions, room)

    @property
    def instances(self) -> list[Instance]:
        return self._crew.instances

    @property
    def empty(self) -> bool:
        return not self.instances and not self.waiting

    @property
    def waiting(self) -> int:
        """Calls that wait for a place."""
        return len(self._places.waiting)

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
        return self._room.backoff.crash

    @property
    def retry_in(self) -> float:
        """Seconds until the next start after a crash; 0 where none waits."""
        return self._room.backoff.left(self._clock())

    async def acquire(self, session: str = "", *, nested: bool = False) -> tuple[Place, bool]:
        """A place at an instance, and whether that had to be started for this.

        nested: the caller may hold a place here itself.
        Raises Unavailable when too many wait, or why none can start.
        """
        leading = self._places.leading(session, nested)
        instance = self._places.find(leading)
        if instance is None:
            self._refuse()
        if self._scaler.by_rate:
            self._scaler.arrived(self._clock())
        if instance is None:
            return await self._wait(leading)
        place = self._places.take(instance, leading)
        self._measure()
        return place, False

    async def _wait(self, session: Session) -> tuple[Place, bool]:
        started = {each for each in self.instances if each.ready}
        waiter = self._places.waiting.add(session)
        try:
            self._measure()
            self._hurry()
            place = await waiter.place
        except BaseException:
            if _granted(waiter.place):
                self.release(waiter.place.result())  # given at the moment the caller left
            self._places.waiting.remove(waiter)
            self._measure()
            raise
        return place, place.instance not in started

    def _refuse(self) -> None:
        if self.crash and self.retry_in and not self._crew.alive:
            raise self._told(self.crash.error)
        self._room.admit(self.revision.name)

    def _told(self, error: CatnapError) -> CatnapError:
        """One error for each of those who waited, with when to come again."""
        left = self.retry_in
        return type(error)(error.message, retry_after=round(left, 1) if left else None)

    def release(self, place: Place) -> None:
        """Gives a place back."""
        instance = place.instance
        self._places.give(place)
        self._measure()
        if instance.idle:
            if instance.surplus:
                self._crew.end(instance)
                self.restore()
            else:
                self._room.idle(self)
        if self.retired:
            self.adjust()

    def end(self, instance: Instance) -> None:
        """Gives an instance up: at once if nobody else is served there."""
        self._crew.end(instance, now=instance.inflight <= 1)
        self.restore()

    # --- how many ------------------------------------------------------------------

    def adjust(self) -> None:
        """Brings the number of instances to what is wanted now. To be called
        every two seconds."""
        if self.retired:
            self._scaler.wanted = 0
            for instance in [] if self.waiting else self._idle():
                self._crew.end(instance)
        else:
            self._scaler.adjust(self._clock(), *self._counts())
            self._part(len(self._crew.staying) - self._scaler.wanted)
        self.restore()

    def scale_up(self) -> None:
        """Starts what is wanted for the calls that wait."""
        if self.waiting:
            self._restore()

    def spare(self, count: int) -> int:
        """Gives up to so many places of instances to another pool."""
        given = self._idle()[:count]
        self._scaler.wanted -= len(given)
        for instance in given:
            self._crew.end(instance)
        return len(given)

    def _restore(self) -> None:
        """Starts what is wanted and not there; one at least for who waits."""
        lacking = max(self._scaler.wanted, bool(self.waiting)) - len(self._crew.staying)
        for instance in self.instances:
            if lacking > 0 and instance.surplus and instance.alive:
                self._places.keep(instance)
                lacking -= 1
        self.serve()
        if lacking > 0:
            self._start(lacking)
        self._measure()

    def _start(self, count: int) -> None:
        if not (self.crash and self.retry_in):
            self._crew.start(self._room.grant(self, count))
        elif not self._crew.alive:
            self.fail(self.crash.error)

    def _hurry(self) -> None:
        """A call has to wait."""
        if not self._places.waiting.demand:
            return  # for its session's own instance
        if not self.retired:
            self._scaler.hurry(self._clock(), *self._counts(), self._places.demand)
        self._restore()

    def _part(self, count: int) -> None:
        """Gives up so many: those that have nothing to do at once, others when
        their calls have ended. Whoever waits for one that starts shall have it."""
        busy = sorted(
            self._crew.staying, key=lambda each: (each.inflight, self.sessions.count(each))
        )
        for instance in busy[: max(0, count)]:
            if instance.idle or not (instance.ready or self.waiting):
                self._crew.end(instance)
            elif instance.ready:
                self._places.drain(instance)

    def _idle(self) -> list[Instance]:
        """Those that the fewest sessions would miss come first."""
        idle = [each for each in self.instances if each.idle]
        return sorted(idle, key=self.sessions.count)

    def _counts(self) -> tuple[int, int]:
        """Instances that are to stay: those that are ready, and all."""
        staying = self._crew.staying
        return sum(each.ready and not each.unready for each in staying), len(staying)

    def _measure(self) -> None:
        self._scaler.measure(self._clock(), self._places.calls, len(self.instances))

    # --- what the crew says ----------------------------------------------------------

    def begun(self, instance: Instance) -> None:
        """It takes calls from now on."""
        self.serve()
        self._measure()
        if self._places.waiting.demand:
            if not self.retired:
                self._scaler.look(self._clock(), *self._counts(), self._places.demand)
            self._restore()
        elif instance.idle:
            self._room.idle(self)

    def lost(self, instance: Instance) -> None:
        """It takes no more calls."""
        self._places.lose(instance)

    def restore(self) -> None:
        """One was lost: another is started where it is wanted, here or by those
        who share the room."""
        self._restore()
        self._room.freed()

    def serve(self) -> None:
        """Gives what room there is to those who wait."""
        self._places.serve()

    def fail(self, error: CatnapError) -> None:
        """Tells those who wait that nobody will serve them, and why."""
        for waiter in self._places.waiting.drain():
            if not waiter.place.done():
                waiter.place.set_exception(self._told(error))
        self._measure()

    def leave(self) -> None:
        """It is empty and nobody will ask it again."""
        self._room.leave(self)

    async def close(self) -> None:
        """Ends every instance and waits until they are gone."""
        self.retired = True
        self._scaler.wanted = 0
        self.fail(self._room.backoff.close())
        await self._crew.close()


def _granted(place: asyncio.Future[Place]) -> bool:
    return place.done() and not place.cancelled() and place.exception() is None
