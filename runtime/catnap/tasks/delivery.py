"""Drives what was accepted: attempts, retries with back-off, dead letters."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from catnap.errors import Cancelled, CatnapError, SkillCrashed
from catnap.tasks.journal import LEASE, Journal
from catnap.tasks.task import Failure, State, Task

LONGEST_WAIT = 60.0
"""Seconds after which the journal is asked again, whatever it said: the
clock of a machine may be set."""

LOOK_EVERY = 1.0
"""Seconds after which a journal is asked again that other gateways write to, too."""

PAUSE = 1.0
"""Seconds before a journal that failed is tried again; for an end, doubling."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and when again. `attempts` counts repeats, the first try not
    among them; times are seconds. A skill that says when to come again is
    heeded up to `longest`. `jitter` is the share by which a delay is shorter
    or longer, so that what failed together does not come back together."""

    attempts: int = 5
    first: float = 1.0
    factor: float = 2.0
    most: float = 60.0
    jitter: float = 0.2
    longest: float = 3600.0

    def delay(self, failed: int, chance: float, retry_after: float | None = None) -> float:
        """Seconds to wait after `failed` attempts: first * factor^(failed - 1),
        at most `most`, or `retry_after` where that is longer.

        chance: from 0, the shortest delay, to 1, the longest.
        """
        backoff = min(self.most, self.first * self.factor ** (failed - 1))
        backoff *= 1.0 + self.jitter * (2.0 * chance - 1.0)
        return max(backoff, min(self.longest, retry_after or 0.0))


@dataclass(frozen=True, slots=True)
class Answer:
    content_type: str
    data: bytes


class Postponed(Exception):
    """An attempt that was not begun. error: why. due: when it may be, in seconds
    since the epoch."""

    def __init__(self, error: CatnapError, due: float) -> None:
        super().__init__(error.message)
        self.error, self.due = error, due


Attempt = Callable[[Task], Awaitable[Answer]]
"""Runs a task once. Raises a CatnapError where it failed, and Postponed."""


class Delivery:
    """Takes tasks from the journal as they become due.

    A lane has one task at work at a time, and no skill of a tenant has all
    the places. An attempt that the journal has not seen the end of is made
    again after a restart, under the same task id. chance: numbers from 0 to
    1, for the delays.
    """

    def __init__(
        self,
        journal: Journal,
        attempt: Attempt,
        ended: Callable[[Task], None],
        clock: Callable[[], float],
        *,
        retry: Retry = Retry(),
        chance: Callable[[], float] = random.random,
        at_once: int = 256,
        per_skill: int = 64,
    ) -> None:
        self._journal = journal
        self._attempt = attempt
        self._ended = ended
        self._clock = clock
        self._retry = retry
        self._chance = chance
        self._at_once = at_once
        self._per_skill = per_skill
        self._longest_wait = LOOK_EVERY if journal.shared else LONGEST_WAIT
        self._resting = False
        self._wake = asyncio.Event()
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loops: list[asyncio.Task[None]] = []

    async def recover(self) -> int:
        """Takes up what a crash broke off; gives how many tasks. Before the
        start; afterwards we do it."""
        return await self._journal.recover(self._clock(), 1 + self._retry.attempts)

    def start(self) -> None:
        self._loops.append(asyncio.create_task(self._run()))
        if self._journal.shared:
            self._loops.append(asyncio.create_task(self._take_over()))

    def wake(self) -> None:
        """There may be something due."""
        self._wake.set()

    def rest(self) -> None:
        """Begins nothing more: another gateway does."""
        self._resting = True

    def cancel(self, id: str) -> None:  # noqa: A002
        """Breaks off the attempt at work, if there is one. What becomes of
        the task, the journal must have been told before."""
        running = self._running.get(id)
        if running:
            running.cancel()

    async def stop(self) -> None:
        """Breaks off; what was at work is taken up by the next start."""
        # First and alone: one may be about to begin what it has claimed.
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        try:
            await self._journal.give_back(self._clock())
        except CatnapError as error:
            _log.warning("the attempts that this stop broke off will count: %s", error.message)

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            now = self._clock()
            try:
                if not self._resting and await self._begin(now):
                    continue
                # What is due and was not begun waits for a lane or a place,
                # and the end of what holds that wakes us.
                due = await self._journal.next_due(now)
            except Exception:
                _log.exception("the journal cannot be read; what was accepted must wait")
                due = now + PAUSE
            longest = self._longest_wait
            wait = longest if due is None else min(longest, due - self._clock())
            try:
                async with asyncio.timeout(wait):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _take_over(self) -> None:
        """Says that we are here, and takes what others left that are not."""
        while True:
            await asyncio.sleep(LEASE / 3)
            try:
                if await self.recover():
                    self.wake()
            except Exception:
                _log.exception("other gateways may take this one for gone")

    async def _begin(self, now: float) -> bool:
        room = self._at_once - len(self._running)
        claimed = await self._journal.claim(now, room, self._per_skill) if room > 0 else []
        for task in claimed:
            self._running[task.id] = asyncio.create_task(self._one(task))
        return bool(claimed)

    async def _one(self, task: Task) -> None:
        try:
            await self._try(task)
        finally:
            del self._running[task.id]
            self._wake.set()

    async def _try(self, task: Task) -> None:
        try:
            answer = await self._attempt(task)
        except Postponed as postponed:
            await self._postpone(task, postponed)
        except CatnapError as error:
            await self._failed(task, error)
        except Exception:
            _log.exception("task %s: an attempt failed for a reason of ours", task.id)
            await self._failed(task, SkillCrashed("an internal error; the gateway's log has it"))
        else:
            await self._end(task, "succeeded", content_type=answer.content_type, result=answer.data)

    async def _postpone(self, task: Task, postponed: Postponed) -> None:
        """Again when it may be, and the attempt counts as none."""
        failure = Failure.of(postponed.error)
        if task.deadline is None or postponed.due < task.deadline:
            await self._end(task, "queued", failure=failure, due=postponed.due, begun=False)
        else:
            await self._end(task, "dead", failure=failure)

    async def _failed(self, task: Task, error: CatnapError) -> None:
        failure = Failure.of(error)
        if isinstance(error, Cancelled):
            await self._end(task, "cancelled", failure=failure)
            return
        delay = self._retry.delay(task.attempts, self._chance(), error.retry_after)
        due = self._clock() + delay
        in_time = task.deadline is None or due < task.deadline
        if error.retryable and in_time and task.attempts <= self._retry.attempts:
            await self._end(task, "queued", failure=failure, due=due)
            return
        # What an event asked for is kept to be sent again, whatever the error;
        # who submitted a task can see for himself that it cannot succeed.
        await self._end(
            task, "dead" if error.retryable or task.trigger else "failed", failure=failure
        )

    async def _end(
        self,
        task: Task,
        state: State,
        *,
        content_type: str = "",
        result: bytes | None = None,
        failure: Failure | None = None,
        due: float | None = None,
        begun: bool = True,
    ) -> None:
        """Writes it down, however long the journal takes to take it: until
        then the task keeps its place, so that no more is begun than can be
        written."""
        pause, lost = PAUSE, False
        while True:
            try:
                ended = await self._journal.end(
                    task.id,
                    state,
                    self._clock(),
                    content_type=content_type,
                    result=result,
                    failure=failure,
                    due=due,
                    begun=begun,
                    attempt=task.attempts,
                )
                if ended is None and lost:  # only the answer may have been lost
                    ended = await self._journal.get(task.tenant, task.id)
                break
            except Exception:
                _log.exception("task %s: that it is %s could not be written", task.id, state)
                await asyncio.sleep(pause)
                pause, lost = min(LONGEST_WAIT, 2 * pause), True
        if ended is not None and ended.ended:
            self._ended(ended)
