"""One request to a model: let in once, counted once, however it ends."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Generic, Protocol, TypeVar

import msgspec

from catnap.access.limiter import Limiter
from catnap.access.limits import Who
from catnap.calls.admit import admit_model
from catnap.calls.outcome import OK, outcome
from catnap.models.account import Account, Finished, Spent
from catnap.models.exchange import Open, Send
from catnap.models.oip_server import OipServer
from catnap.models.openai_server import OpenAIServer
from catnap.models.place import Ask
from catnap.models.registry import Served
from catnap.models.settings import Model
from catnap.models.verdict import UpstreamError
from catnap.traces.span import Tracer

Upstream = TypeVar("Upstream", OipServer, OpenAIServer)
Answer = TypeVar("Answer")


class Asker(msgspec.Struct, frozen=True):
    """Who asks a model, and how.

    who: with the skill that asks, if one does. left: seconds that they wait,
    None for as long as the model allows. priority: 1 low, 2 normal, 3 high.
    session: whose requests had better meet the same server. models: those that a
    skill may ask; None for all that its tenant may. timings: takes the
    milliseconds that its last request waited (`queue`) and was at servers
    (`model`), by the names of Server-Timing, when that has ended.
    """

    who: Who
    left: float | None = None
    priority: int = 2
    session: str = ""
    traceparent: str = ""
    models: frozenset[str] | None = None
    timings: dict[str, float] | None = None

    def ask(
        self,
        model: Model,
        deadline: float,
        cost: float = 1.0,
        affinity: str = "",
        *,
        once: bool = False,
    ) -> Ask:
        """For a place at one of the model's servers. affinity: the session's, where
        there is none."""
        tenant, _, skill = self.who
        return Ask(
            tenant,
            skill,
            cost,
            model.priority(tenant, self.priority),
            model.weights.get(tenant, 1.0),
            affinity or self.session,
            deadline,
            once=once,
        )


class Means(Protocol):
    """What every request goes through. account: spends what it took of the
    limits, too."""

    limits: Limiter
    account: Account
    tracer: Tracer


class ModelRequest(Generic[Upstream]):
    """cost: what it is expected to take, in any unit that the model's requests
    have in common. affinity: the same for those that had better meet the same
    server. once: it is one of several that have their state at a server. Whoever
    reads the answer says how many tokens it took; prompt_estimate: how many the
    model will have read of which nothing is said."""

    __slots__ = (
        *("_admitted", "_affinity", "_asker", "_began", "_busy", "_cost", "_means", "_once"),
        *("_served", "_span", "_tries", "_version"),
        *("bytes_in", "bytes_out", "completion_tokens", "prompt_estimate", "prompt_tokens"),
    )

    def __init__(
        self,
        means: Means,
        asker: Asker,
        served: Served[Upstream],
        version: str,
        cost: float = 1.0,
        affinity: str = "",
        *,
        once: bool = False,
    ) -> None:
        self._means = means
        self._asker = asker
        self._served: Served[Upstream] = served
        self._version = version
        self._cost = cost
        self._affinity = affinity
        self._once = once
        self._busy = 0.0
        """Seconds that servers were at work on it."""
        self._tries = 0
        self._span = means.tracer.begin(f"model {served.name}", "client", asker.traceparent)
        self._began = served.pool.clock()
        self.bytes_in = self.bytes_out = 0
        self.prompt_tokens = self.completion_tokens = 0
        self.prompt_estimate = 0.0

    @property
    def traceparent(self) -> str:
        """For its servers; empty where nobody traces it."""
        return self._span.traceparent

    def cost(self) -> float | None:
        """Tokens that it took; None where nobody has said."""
        return self.prompt_tokens + self.completion_tokens or None

    async def answer(
        self,
        send: Send[Upstream, Answer],
        read: Callable[[Answer], float | None] = lambda answer: None,
    ) -> Answer:
        """read: is given the answer; what it cost in the end, None for what was
        expected. Raises what the limits raise, the queue, and the last server."""

        async def tried(upstream: Upstream, left: float | None) -> Answer:
            with _Try(self, upstream):
                return await send(upstream, left)

        with self:
            return await self._served.exchange.answer(self._ask(), tried, read)

    async def stream(
        self,
        open_: Open[Upstream, Answer],
        cost: Callable[[], float | None] = lambda: None,
    ) -> AsyncGenerator[Answer, None]:
        """The parts of an answer as they come. cost: what it took, when it has
        ended. Raises as `answer` does."""

        async def tried(upstream: Upstream, left: float | None) -> AsyncGenerator[Answer, None]:
            with _Try(self, upstream):
                async with aclosing(open_(upstream, left)) as parts:
                    async for part in parts:
                        yield part

        with self:
            async with aclosing(self._served.exchange.stream(self._ask(), tried, cost)) as parts:
                async for part in parts:
                    yield part

    def __enter__(self) -> None:
        """Lets it in. Raises what the limits do, and then it has ended."""
        try:
            self._admitted = admit_model(self._means.limits, self._asker.who, time.time())
        except BaseException as error:
            self._ended(outcome(error))
            raise

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._admitted.end(time.time())
        self._ended(outcome(error))

    def _ask(self) -> Ask:
        asker, model = self._asker, self._served.model
        left = float(model.limits.timeout)
        if asker.left is not None:
            left = min(left, asker.left)
        deadline = self._began + left
        return asker.ask(model, deadline, self._cost, self._affinity, once=self._once)

    def sent(self, upstream: Upstream) -> float:
        """To a server now; gives when that is."""
        self._tries += 1
        self._span.event("sent", server=upstream.address)
        return self._served.pool.clock()

    def back(self, upstream: Upstream, sent: float, error: BaseException | None) -> None:
        """From the server that had it since `sent`."""
        self._busy += self._served.pool.clock() - sent
        if isinstance(error, UpstreamError):
            self._span.event("failed", server=upstream.address, error=type(error.error).__name__)

    def _ended(self, ended: str) -> None:
        served, who = self._served, self._asker.who
        busy = self._busy * 1000
        waited = max(0.0, (served.pool.clock() - self._began) * 1000 - busy)
        # Who leaves before the server has said what it read is not let off that.
        begun = self.completion_tokens and not self.prompt_tokens
        prompt_tokens = int(self.prompt_estimate) if begun else self.prompt_tokens
        spent = Spent(
            prompt_tokens,
            self.completion_tokens,
            busy,
            self.bytes_in,
            self.bytes_out,
            self._tries,
        )
        prices = served.model.prices
        self._means.account.ended(
            Finished(who, served.name, self._version, prices, spent, ended, waited / 1000)
        )
        if self._asker.timings is not None:
            self._asker.timings.update(queue=waited, model=busy)
        self._span.end(
            "" if ended == OK else ended,
            tenant=who[0],
            skill=who[2],
            version=self._version,
            prompt_tokens=prompt_tokens,
            completion_tokens=self.completion_tokens,
            queue_ms=waited,
            server_ms=busy,
        )


class _Try(Generic[Upstream]):
    """While one server has the request."""

    __slots__ = ("_request", "_sent", "_upstream")

    def __init__(self, request: ModelRequest[Upstream], upstream: Upstream) -> None:
        self._request: ModelRequest[Upstream] = request
        self._upstream: Upstream = upstream

    def __enter__(self) -> None:
        self._sent = self._request.sent(self._upstream)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._request.back(self._upstream, self._sent, error)
