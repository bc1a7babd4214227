"""The servers of one model, and the requests that wait until one has room."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from catnap.errors import CatnapError, DeadlineExceeded, ResourceExhausted
from catnap.models.balance import choose
from catnap.models.fair import Queue, Ticket
from catnap.models.outlier import askable
from catnap.models.place import Ask, Place, Server
from catnap.models.wait import Turnover

WAITING = 4096
"""Requests that may wait for one model's servers."""

Upstream = TypeVar("Upstream")


@dataclass(eq=False, slots=True)
class _Waiter(Generic[Upstream]):
    ask: Ask
    turn: asyncio.Future[Server[Upstream]]


class Pool(Generic[Upstream]):
    """One event loop's. A request that is let in has a place, or waits for its
    turn: by class, tenant and skill (fair)."""

    def __init__(
        self,
        model: str,
        servers: Sequence[Server[Upstream]],
        waiting: int = WAITING,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.model = model
        self.servers = servers
        self.queue = Queue()
        self.clock = clock
        self.waiting = waiting
        self._chance = chance
        self._turnover = Turnover()
        self._waiters: dict[Ticket, _Waiter[Upstream]] = {}
        self._watch: asyncio.TimerHandle | None = None

    def place(self, ask: Ask) -> Place[Upstream]:
        """A place at a server: `async with pool.place(ask) as place`.

        To enter raises ResourceExhausted where too many wait, or where it would
        wait for longer than its deadline allows, and DeadlineExceeded where it did.
        """
        return Place(self, ask)

    def change(self, servers: Sequence[Server[Upstream]]) -> None:
        """These are the servers from now on; requests at work end where they are."""
        self.servers = servers
        self._serve()

    def free(self, ask: Ask) -> Server[Upstream] | None:
        """A server that has room, taken; None where it has to wait for one."""
        server = self._kept(ask) if self._waiters else self._choose(ask, self._askable())
        if server is not None:
            self._take(server)
        return server

    async def turn(self, ask: Ask) -> Server[Upstream]:
        """A server, taken, when it is this one's turn."""
        now = self.clock()
        self._admit(ask, now)
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[Server[Upstream]] = loop.create_future()
        first = not self._waiters
        self._waiters[ask] = _Waiter(ask, turn)
        self.queue.push(ask)
        self._turnover.waits(now)
        if first:
            self._look_again()
        else:
            self._serve()
        late = None
        if ask.deadline is not None:
            late = loop.call_later(ask.deadline - now, self._late, turn)
        try:
            return await turn
        except BaseException:
            self._forget(ask, turn)
            raise
        finally:
            if late:
                late.cancel()

    def _late(self, turn: asyncio.Future[Server[Upstream]]) -> None:
        if not turn.done():
            turn.set_exception(
                DeadlineExceeded(f"model {self.model!r}: no server had room in time")
            )

    def _admit(self, ask: Ask, now: float) -> None:
        if ask.deadline is not None and now >= ask.deadline:
            raise DeadlineExceeded(f"model {self.model!r}: no time was left to wait for a server")
        wait = self._wait(self.queue.ahead(ask), now)
        if ask.deadline is not None and now + wait > ask.deadline:
            left = max(0.0, ask.deadline - now)
            raise self._refusal(
                f"it would wait about {wait:.1f} s, and its caller waits {left:.1f} s", wait - left
            )
        if len(self.queue) >= self.waiting:
            self._make_room(ask, now)

    def _make_room(self, ask: Ask, now: float) -> None:
        """Whoever floods the queue does not keep others out of it."""
        why = f"{len(self.queue):,} requests wait already"
        refusal = self._refusal(why, self._wait(self.queue.cost, now))
        last = self.queue.yielding(ask)
        if last is None:
            raise refusal
        self.queue.drop(last)
        turn = self._waiters.pop(last).turn
        if not turn.done():
            turn.set_exception(refusal)

    def _refusal(self, why: str, after: float) -> CatnapError:
        return ResourceExhausted(f"model {self.model!r}: {why}", retry_after=max(0.1, after))

    def _wait(self, ahead: float, now: float) -> float:
        return self._turnover.wait(ahead, now)

    def _forget(self, ask: Ask, turn: asyncio.Future[Server[Upstream]]) -> None:
        """It leaves before its turn, or just when it came."""
        self._waiters.pop(ask, None)
        if turn.done() and not turn.cancelled() and not turn.exception():
            server = turn.result()
            server.health.left()
            self.release(server)
        else:
            self.queue.drop(ask)
        if not self._waiters:
            self._turnover.idle()

    def _askable(self) -> Sequence[Server[Upstream]]:
        return askable(self.servers, self.clock())

    def _choose(self, ask: Ask, there: Sequence[Server[Upstream]]) -> Server[Upstream] | None:
        fresh = [each for each in there if each.name not in ask.tried] if ask.tried else there
        return choose(fresh or there, self._chance, ask.affinity)

    def _kept(self, ask: Ask) -> Server[Upstream] | None:
        """A few places are kept for who asks seldom: beside a flood he waits at the
        server, and not for a place there too."""
        if self.queue.before(ask):
            return None
        there = [each for each in self._askable() if each.inflight < each.limit.with_kept]
        return min(there, key=lambda each: each.inflight / each.limit.with_kept, default=None)

    def _take(self, server: Server[Upstream]) -> None:
        server.inflight += 1
        server.health.sent()

    def release(self, server: Server[Upstream]) -> None:
        """A place is free again."""
        server.inflight -= 1
        if self._waiters:
            self._serve()

    def _serve(self) -> None:
        """Gives those whose turn it is the places that are free."""
        while self._waiters:
            free = [each for each in self._askable() if each.inflight < each.room]
            if not free:
                self._look_again()
                return
            ticket = self.queue.pop()
            assert ticket is not None
            waiter = self._waiters.pop(ticket)
            if waiter.turn.done():
                continue  # it is leaving
            server = self._choose(waiter.ask, free)
            assert server is not None
            self._take(server)
            self._turnover.turned(ticket.cost, self.clock())
            waiter.turn.set_result(server)
        self._turnover.idle()

    def _look_again(self) -> None:
        """When the next one that was left alone may be asked: those that are busy
        may be so for long, and nobody else says that there is room."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        now = self.clock()
        back = [each.health.back - now for each in self.servers if each.health.ejected]
        if soonest := min((each for each in back if each >= 0), default=None):
            self._watch = asyncio.get_running_loop().call_later(soonest, self._serve)
