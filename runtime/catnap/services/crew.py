"""The instances of a pool: how they start, and what becomes of them."""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from collections.abc import Callable
from typing import Protocol

from catnap.errors import CatnapError, SkillCrashed, Unavailable
from catnap.services.instance import Instance, Interrupted
from catnap.services.revision import Revision
from catnap.services.room import Room

_log = logging.getLogger(__name__)


class Owner(Protocol):
    """A pool, as far as its crew has something to say to it."""

    def begun(self, instance: Instance) -> None:
        """It takes calls from now on."""
        ...

    def lost(self, instance: Instance) -> None:
        """It takes no more calls."""
        ...

    def restore(self) -> None:
        """One was lost, and may be wanted."""
        ...

    def serve(self) -> None:
        """One may have calls again."""
        ...

    def fail(self, error: CatnapError) -> None:
        """There are none that could serve those who wait, and that is why."""
        ...


class Crew:
    """Starts instances and ends them, and tells its owner. What fails to start
    counts for the whole revision."""

    def __init__(
        self,
        revision: Revision,
        make: Callable[[Revision, str], Instance],
        clock: Callable[[], float],
        room: Room,
        owner: Owner,
    ) -> None:
        """make: of an instance by its name, not started yet."""
        self.instances: list[Instance] = []
        self._revision = revision
        self._make = make
        self._clock = clock
        self._room = room
        self._owner = owner
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def alive(self) -> bool:
        """Whether any takes calls, or will."""
        return any(each.alive for each in self.instances)

    @property
    def staying(self) -> list[Instance]:
        return [each for each in self.instances if each.staying]

    def start(self, count: int) -> None:
        for _ in range(count):
            name = f"{self._revision.name}-{secrets.token_hex(3)}"
            try:
                instance = self._make(self._revision, name)
            except Exception as error:
                self._failed(self._explained(error, name))
                return
            self.instances.append(instance)
            self._room.take(instance)
            instance.mended = self._owner.serve
            instance.exited.add_done_callback(functools.partial(self._gone, instance))
            instance.leaving.add_done_callback(functools.partial(self._left, instance))
            task = asyncio.create_task(self._bring_up(instance))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def end(self, instance: Instance, *, now: bool = False) -> None:
        """As an Instance ends; nobody is to wait for it."""
        instance.end(now=now)
        self._lose(instance)

    async def close(self) -> None:
        """Ends every instance and waits until they are gone."""
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

    async def _bring_up(self, instance: Instance) -> None:
        try:
            await instance.start()
        except Exception as error:
            self._not_started(instance, error)
            return
        if instance.exited.done():
            self._crashed(instance)  # its last word was that it is ready
            return
        self._room.backoff.started(self._clock())
        self._owner.begun(instance)

    def _not_started(self, instance: Instance, error: Exception) -> None:
        stopped = instance.draining
        self.end(instance, now=True)
        interrupted = isinstance(error, Interrupted) or instance.leaving.done()
        if self._room.backoff.forgives() if interrupted else stopped:
            self._owner.restore()
            return
        status = instance.exited.result() if instance.exited.done() else None
        self._failed(self._explained(error, instance.name), status, instance.said)

    def _explained(self, error: Exception, name: str) -> CatnapError:
        if isinstance(error, CatnapError):
            return error
        _log.error("instance %s could not be started", name, exc_info=error)
        return Unavailable(f"{self._revision.name} could not be started: {error}")

    def _crashed(self, instance: Instance) -> None:
        status = instance.exited.result()
        message = f"{instance.name} ended with status {status} before any call"
        self._failed(SkillCrashed(message), status, instance.said)

    def _failed(self, error: CatnapError, status: int | None = None, line: str = "") -> None:
        self._room.backoff.failed(self._clock(), error, status, line)
        if not self.alive:
            self._owner.fail(error)

    def _left(self, instance: Instance, _: asyncio.Future[None]) -> None:
        """Somebody else told it to end: its place is taken at once."""
        self._lose(instance)
        self._owner.restore()

    def _gone(self, instance: Instance, exited: asyncio.Future[int]) -> None:
        self.instances.remove(instance)
        self._lose(instance)
        if not instance.draining:
            status = exited.result()
            _log.warning("instance %s ended with status %s", instance.name, status)
            if instance.ready and not instance.served:
                self._crashed(instance)
        if instance.ready or instance.draining:
            self._owner.restore()
        else:
            self._room.freed()  # `_bring_up` has yet to say what became of its start

    def _lose(self, instance: Instance) -> None:
        self._room.give(instance)
        self._owner.lost(instance)
