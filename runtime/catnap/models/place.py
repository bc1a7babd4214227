"""A request's place at one of a model's servers, and what is learnt there of the server."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Generic, TypeVar

from catnap.models.adaptive import Limit
from catnap.models.fair import Ticket
from catnap.models.outlier import Health

if TYPE_CHECKING:
    from catnap.models.pool import Pool

Upstream = TypeVar("Upstream")


@dataclass(eq=False, slots=True)
class Server(Generic[Upstream]):
    """upstream: what it is asked with. inflight: our requests at work there."""

    name: str
    upstream: Upstream
    limit: Limit = field(default_factory=Limit)
    health: Health = field(default_factory=Health)
    inflight: int = 0

    @property
    def room(self) -> int:
        return self.limit.value


@dataclass(eq=False, slots=True)
class Ask(Ticket):
    """Who asks, and how; see balance.choose.

    deadline: of the loop's clock that the pool is given, None for as long as
    it takes. tried: names of servers that it should rather not be given. once: it
    is not sent again, since what it is a part of has its state at one server.
    """

    affinity: str = ""
    deadline: float | None = None
    tried: Collection[str] = ()
    once: bool = False


class Place(Generic[Upstream]):
    """A request's place at a server, for the length of its block. Says once how
    it went; who says nothing has left before there was an answer."""

    __slots__ = ("_ask", "_began", "_heard", "_inflight", "_pool", "_said", "server")

    server: Server[Upstream]

    def __init__(self, pool: Pool[Upstream], ask: Ask) -> None:
        self._pool = pool
        self._ask = ask
        self._said = False

    async def __aenter__(self) -> Place[Upstream]:
        pool = self._pool
        server = pool.free(self._ask) or await pool.turn(self._ask)
        self.server = server
        self._inflight = server.inflight
        self._heard = server.health.times_heard
        self._began = pool.clock()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._said:
            self.leave()
        self._pool.release(self.server)

    def answered(self, cost: float | None = None, seconds: float | None = None) -> None:
        """It ended well. cost: what it turned out to take. seconds: how long
        it was at work, by what says how busy the server is; else until now."""
        if cost is not None:
            self._pool.queue.correct(self._ask, cost)
        self.server.health.answered()
        taken = self.lasts if seconds is None else seconds
        self.server.limit.answered(taken, self._inflight, self._pool.clock(), self.lasts)
        self._said = True

    @property
    def lasts(self) -> float:
        """Seconds since it was had."""
        return self._pool.clock() - self._began

    def begun(self) -> None:
        """A part of the answer came."""
        self.server.health.heard()

    def sound(self) -> None:
        """The request failed, and the server is whole."""
        self.server.health.answered()
        self._said = True

    def failed(self) -> None:
        """By the server's fault."""
        self.server.health.failed(self._pool.clock())
        self._said = True

    def refused(self) -> None:
        """The server is whole and has no room."""
        self.server.health.left()
        self.server.limit.refused()
        self._said = True

    def late(self) -> None:
        """It did not answer in the time there was. That says something of the
        server where the time was long, and that it hangs where nobody else was
        answered meanwhile."""
        if not self.server.limit.is_long(self.lasts):
            self.leave()
        elif self.server.health.times_heard == self._heard:
            self.failed()
        else:
            self.refused()

    def leave(self) -> None:
        """Nothing was learnt of the server."""
        self.server.health.left()
        self._said = True
