"""What one client's stream of requests has at one model's server: those that wait
to be taken, those that it has, and whose answers come."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from catnap.access.admission import Admitted
from catnap.calls.admit import admit_model
from catnap.calls.model_request import Asker
from catnap.calls.outcome import OK
from catnap.errors import Cancelled, CatnapError, DeadlineExceeded, Unavailable
from catnap.inference import grpc_service_pb2 as oip
from catnap.models.account import Finished, Spent
from catnap.models.answer import check_part
from catnap.models.oip_server import OipServer
from catnap.models.place import Ask
from catnap.models.registry import Served
from catnap.models.stream_tokens import StreamTokens
from catnap.models.wire import field
from catnap.traces.span import Begun

if TYPE_CHECKING:
    from catnap.calls.models import ModelCalls

IDLE = 5.0
"""Seconds without a request or an answer after which a stream gives its place at
the server back."""

_WINDOW = 64
"""Requests that are read of a client before a server has taken them."""

HELD = 32 << 20
"""Bytes of requests that are read of a client before they are answered; of a larger
one that one alone."""

Write = Callable[[bytes], Awaitable[None]]


@dataclass(slots=True)
class _Sent:
    """A request that is on its way. span: it, to whoever traces it. at: since
    when. sent: when a server was given it last, and how often one was. bytes_out:
    of its answers so far."""

    raw: bytes
    id: str
    version: str
    tokens: StreamTokens
    admitted: Admitted
    span: Begun
    at: float
    sent: float = 0.0
    tries: int = 0
    bytes_out: int = 0


class Lane:
    """What one client's stream has at one model's server. over: it takes no more
    requests; those it has are answered."""

    task: asyncio.Task[None]

    def __init__(
        self, calls: ModelCalls, asker: Asker, served: Served[OipServer], write: Write
    ) -> None:
        self.over = False
        self._calls = calls
        self._asker = asker
        self._served = served
        self._write = write
        self._clock = served.pool.clock
        self._span = calls.tracer.begin(
            f"stream of model {served.name}", "client", asker.traceparent
        )
        self._until = None if asker.left is None else self._clock() + asker.left
        self._heard = self._clock()
        self._queue: asyncio.Queue[_Sent | None] = asyncio.Queue(_WINDOW)
        self._waiting: deque[_Sent] = deque()
        """Sent, or to be sent again where its server fails before it has answered."""
        self._current: _Sent | None = None
        """Of which answers come."""
        self._held = 0
        """Bytes of those that no answer has come to."""
        self._room = asyncio.Event()
        self._no_more = self._late = False
        self._requests_sent = 0

    async def send(self, raw: bytes, name: str, version: str, tokens: StreamTokens) -> None:
        """Raises ResourceExhausted, and Unavailable where its server fails; waits
        while the server does not take what came."""
        while self._held and self._held + len(raw) > HELD and not self.over:
            self._room.clear()
            await self._room.wait()
        admitted = admit_model(self._calls.limits, self._asker.who, time.time())
        within = self._span.traceparent
        span = self._calls.tracer.begin(f"model {self._served.name}", "client", within)
        sent = _Sent(raw, name, version, tokens, admitted, span, self._clock())
        self._held += len(raw)
        try:
            await self._queue.put(sent)
            if self.over:  # meanwhile, and whoever took requests from there has gone
                raise Unavailable(f"model {self._served.name!r}: its server failed")
        except BaseException:
            admitted.end(time.time())
            raise

    async def end(self) -> None:
        """No more requests come: what is at work may end."""
        if not self.over:
            self.over = True
            await self._queue.put(None)

    async def run(self) -> None:
        """Raises the error that ends the whole stream."""
        watching = asyncio.create_task(self._watch())
        outcome = Cancelled.__name__
        try:
            await self._pass_on()
            outcome = OK
        except asyncio.CancelledError:
            if not self._late:
                raise
            outcome = await self._failed(self._silence())
        except CatnapError as error:
            outcome = await self._failed(error)
        finally:
            watching.cancel()
            self.over = True
            self._room.set()
            self._settle(outcome)
            self._span.end("" if outcome == OK else outcome)

    async def _pass_on(self) -> None:
        # What a server adds to a message of ours is merged with it.
        served = self._served
        ours = field(2, field(1, served.name.encode()))
        suffix = ours if served.at_servers != served.name else b""
        answers = served.exchange.stream(self._ask(), self._open, lambda: self._requests_sent)
        async with aclosing(answers):
            async for answer in answers:
                self._heard = self._clock()
                await self._write(self._answered(answer) + suffix)
        if self._waiting or not self._queue.empty():
            raise Unavailable(f"model {served.name!r}: its server ended the stream")

    def _ask(self) -> Ask:
        model = self._served.model
        deadline = self._clock() + model.limits.timeout
        if self._until is not None:
            deadline = min(deadline, self._until)
        return self._asker.ask(model, deadline)

    async def _open(self, upstream: OipServer, left: float | None) -> AsyncGenerator[bytes, None]:
        # Its place was to be had by then; how long it lasts is the client's affair.
        lasts = None if self._until is None else max(0.0, self._until - self._clock())
        traceparent = self._span.traceparent
        async with aclosing(upstream.stream(self._requests(), lasts, traceparent)) as answers:
            async for answer in answers:
                check_part(self._served.name, answer)
                yield answer

    async def _requests(self) -> AsyncIterator[bytes]:
        for sent in tuple(self._waiting):
            yield self._given(sent)
        while not self._no_more:
            sent_now = await self._queue.get()
            if sent_now is None:
                self._no_more = True
                return
            self._waiting.append(sent_now)
            self._requests_sent += 1
            yield self._given(sent_now)

    def _given(self, sent: _Sent) -> bytes:
        """To a server, now."""
        sent.sent = self._clock()
        sent.tries += 1
        return sent.raw

    def _answered(self, answer: bytes) -> bytes:
        """As it is to be passed on."""
        if self._waiting:
            if self._current:
                self._ended(self._current, OK)
            self._current = self._waiting.popleft()
            self._current.admitted.end(time.time())
            self._held -= len(self._current.raw)
            self._room.set()
        if self._current is None:
            return answer
        self._current.bytes_out += len(answer)
        return self._current.tokens.answered(answer)

    async def _failed(self, error: CatnapError) -> str:
        """Tells of each request that has no answer; raises the error where nobody
        knows which these are."""
        self.over = True
        if self._current is not None:
            self._settle(type(error).__name__)
            raise error
        self._drain()
        for sent in self._waiting:
            await self._write(refusal(error, sent.id))
        return type(error).__name__

    async def _watch(self) -> None:
        """Ends it where nothing comes any more, and what is silent for too long."""
        patience = float(self._served.model.limits.timeout)
        while True:
            await asyncio.sleep(1.0)
            now = self._clock()
            if self._waiting and now - max(self._heard, self._waiting[0].at) > patience:
                self._late = True
                self.task.cancel()
                return
            if not self._waiting and self._queue.empty() and now - self._heard > IDLE:
                await self.end()

    def _silence(self) -> DeadlineExceeded:
        patience = self._served.model.limits.timeout
        return DeadlineExceeded(
            f"model {self._served.name!r}: its server has said nothing for {patience}"
        )

    def _settle(self, outcome: str) -> None:
        if self._current:
            self._ended(self._current, OK)
            self._current = None
        self._drain()
        for sent in self._waiting:
            self._ended(sent, outcome)
        self._waiting.clear()

    def _drain(self) -> None:
        """What no server has taken waits no more to be taken."""
        while not self._queue.empty():
            sent = self._queue.get_nowait()
            if sent is not None:
                self._waiting.append(sent)

    def _ended(self, sent: _Sent, outcome: str) -> None:
        sent.admitted.end(time.time())
        served, who, tokens = self._served, self._asker.who, sent.tokens
        end = self._heard if outcome == OK else self._clock()
        waited = (sent.sent if sent.tries else end) - sent.at
        spent = Spent(
            tokens.prompt,
            tokens.completion,
            max(0.0, (end - sent.at - waited) * 1000),
            len(sent.raw),
            sent.bytes_out,
            sent.tries,
        )
        prices = served.model.prices
        self._calls.account.ended(
            Finished(who, served.name, sent.version, prices, spent, outcome, waited)
        )
        sent.span.end("" if outcome == OK else outcome, tenant=who[0], skill=who[2])


def refusal(error: CatnapError, name: str) -> bytes:
    """What a client of the protocol is told of one request."""
    answer = oip.ModelStreamInferResponse(error_message=error.message)
    answer.infer_response.id = name
    return answer.SerializeToString()
