"""A call on its way to an instance: route, Grant, headers, deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from time import monotonic
from types import TracebackType

import msgspec

from catnap.access import Grant, Grants
from catnap.access.decision import in_order
from catnap.calls.call import Call
from catnap.calls.ids import new_trace
from catnap.calls.made import Made
from catnap.calls.outcome import outcome
from catnap.errors import DeadlineExceeded, NotFound, SkillCrashed, Unavailable, from_problem
from catnap.events import to_binary
from catnap.services.catalog import Catalog, Deployed, route
from catnap.services.deadlines import Deadlines, Limit
from catnap.services.platform import Delivery, Platform, Route
from catnap.traces.span import UNTRACED, Begun, Tracer

_MAYBE = ("sessionid", "parenttaskid")
"""Extensions that a call has only where there is such a thing."""

MARGIN = 5.0
"""Seconds that a Grant outlasts its call's deadline."""


Spent = Callable[[Call, float], None]
"""Is told for how many milliseconds a skill was at work on a call."""


class Attempt(Limit):
    """The block in which a call is delivered, and what its errors are to the
    caller. spent: is told at the end of it. span: ends with it."""

    __slots__ = ("_answered", "_began", "_call", "_made", "_seconds", "_span", "_spent")

    def __init__(
        self, deadlines: Deadlines, call: Call, seconds: float, spent: Spent, span: Begun
    ) -> None:
        super().__init__(deadlines, seconds)
        self._call, self._seconds, self._spent, self._span = call, seconds, spent, span
        self._made: Made | None = None
        self._began = self._answered = monotonic()

    async def answered(self, delivery: Delivery) -> Made:
        """The answer has begun. Raises what the skill ended with."""
        made = self._made = Made(delivery)
        self._answered = monotonic()
        if delivery.reply.status >= 400:
            raise from_problem(delivery.reply.status, await delivery.reply.read())
        return made

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._spent(self._call, self._compute_ms(error))
        ended = error
        try:
            super().__exit__(kind, error, traceback)
        except TimeoutError as late:
            ended = late
            raise DeadlineExceeded(
                f"skill {self._call.skill!r} did not answer within {self._seconds:.3g} s"
            ) from None
        finally:
            self._traced(ended)
        if isinstance(error, NotFound) and self._made is None:
            raise Unavailable(error.message) from None  # else it is the skill's own answer

    def _traced(self, error: BaseException | None) -> None:
        call = self._call
        self._span.end(
            outcome(error) if error else "",
            tenant=call.tenant,
            skill=call.skill,
            task=call.id,
            instance=self._made.instance if self._made else "",
        )

    def _compute_ms(self, error: BaseException | None) -> float:
        """What the instance says; else as it looks from here, which for a call
        that was broken off holds its wait as well."""
        if self._made is None:
            broken_off = isinstance(error, asyncio.CancelledError | SkillCrashed)
            return (monotonic() - self._began) * 1000 if broken_off else 0.0
        timings = self._made.timings()
        handled = timings.get("handle")
        if handled is None:
            handled = max(0.0, (self._answered - self._began) * 1000 - sum(timings.values()))
        if self._made.streamed:
            handled += (monotonic() - self._answered) * 1000
        return handled


class Deliverer:
    """spent: is told once of each call that an instance may have worked on.
    gateway: where what calls back reaches this one, host:port; empty where there
    is no other that it could reach. tracer: is told of each call that is delivered."""

    def __init__(
        self,
        catalog: Catalog,
        platform: Platform,
        grants: Grants,
        spent: Spent,
        gateway: str = "",
        tracer: Tracer = UNTRACED,
    ) -> None:
        self._tracer = tracer
        self._gateway = gateway
        self._catalog = catalog
        self._platform = platform
        self._grants = grants
        self._spent = spent
        self._deadlines = Deadlines()

    async def answer(self, call: Call, deployed: Deployed) -> Made:
        """Delivers a call and reads its answer. Raises as `send` does."""
        attempt, target, headers, body = self._prepared(call, deployed)
        with attempt:
            await self._catalog.revision(call.skill, call.tenant)
            async with self._platform.deliver(target, headers, body) as delivery:
                made = await attempt.answered(delivery)
                made.result = await delivery.reply.read()
                return made

    @asynccontextmanager
    async def send(self, call: Call, deployed: Deployed) -> AsyncIterator[Made]:
        """Delivers a call; the answer's status is below 400 inside the block.

        Raises what the skill ended with, DeadlineExceeded when the call's
        deadline or the skill's timeout passes, in the block too, and
        Unavailable where the skill was taken away meanwhile: it may come back.
        """
        attempt, target, headers, body = self._prepared(call, deployed)
        with attempt:
            await self._catalog.revision(call.skill, call.tenant)
            async with self._platform.deliver(target, headers, body) as delivery:
                made = await attempt.answered(delivery)
                made.streamed = True
                yield made

    def _prepared(
        self, call: Call, deployed: Deployed
    ) -> tuple[Attempt, Route, list[tuple[bytes, bytes]], bytes]:
        now = time.time()
        deadline = now + deployed.manifest.limits.timeout
        if call.deadline is not None and call.deadline < deadline:
            deadline = call.deadline
        target = route(
            deployed, call.tenant, call.user, call.session, call.revision, nested=call.depth > 0
        )
        span = self._tracer.begin(f"call {call.skill}", "server", call.traceparent)
        traceparent = span.traceparent or new_trace()
        headers, body = self._request(call, deployed, deadline, traceparent)
        attempt = Attempt(self._deadlines, call, deadline - now, self._spent, span)
        return attempt, target, headers, body

    def _request(
        self, call: Call, deployed: Deployed, deadline: float, traceparent: str
    ) -> tuple[list[tuple[bytes, bytes]], bytes]:
        grant = Grant(
            tenant=call.tenant,
            user=call.user,
            session=call.session,
            task=call.id,
            skill=call.skill,
            models=deployed.manifest.models.allow,
            depth=call.depth,
            expires=deadline + MARGIN,
            deadline=deadline,
            traceparent=traceparent,
            roles=in_order(call.principal.roles),
            egress=deployed.manifest.egress.allow,
            packages=deployed.manifest.packages.allow,
            attempt=call.attempt,
            gateway=self._gateway,
            workspace=deployed.manifest.session.workspace,
        )
        extensions = {
            **call.event.extensions,
            "tenantid": call.tenant,
            "userid": call.user,
            "taskid": call.id,
            "sessionid": call.session,
            "parenttaskid": call.parent,
            "deadline": _timestamp(deadline),
            "traceparent": traceparent,
        }
        for name in _MAYBE:
            if not extensions[name]:
                del extensions[name]
        headers, body = to_binary(msgspec.structs.replace(call.event, extensions=extensions))
        headers.append((b"authorization", b"Bearer " + self._grants.issue(grant).encode()))
        if self._gateway:
            headers.append((b"catnap-callback", self._gateway.encode()))
        if call.accept:
            headers.append((b"accept", call.accept.encode()))
        return headers, body


def _timestamp(seconds: float) -> str:
    """RFC 3339, with milliseconds."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{_second(whole)}.{milliseconds:03d}+00:00"


@lru_cache(maxsize=256)  # calls of the same second often have the same deadline
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
