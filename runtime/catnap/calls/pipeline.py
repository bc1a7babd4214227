"""The pipeline: one path for every call, whoever waits for it or nobody."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from catnap.access import Grants, Principal, asking
from catnap.access.admission import Admitted, Refused
from catnap.access.limiter import Limiter
from catnap.calls.admit import admit, enqueue
from catnap.calls.call import Call, Outcome
from catnap.calls.deliver import Deliverer
from catnap.calls.ids import new_id
from catnap.calls.live import Live
from catnap.calls.made import Made
from catnap.calls.metrics import Metrics
from catnap.calls.record import acceptance, idempotency_key, task_of
from catnap.errors import (
    Cancelled,
    CatnapError,
    DeadlineExceeded,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from catnap.services.catalog import Catalog, Deployed
from catnap.services.platform import Platform
from catnap.tasks import Delivery, Failure, Journal, Postponed, Retry, Task
from catnap.tasks.delivery import Answer
from catnap.tasks.task import State
from catnap.traces.span import UNTRACED, Tracer

FORGET_EVERY = 3600.0
"""Seconds between two times that the journal drops what is old."""

HEED_EVERY = 1.0
"""Seconds between two times that the journal is asked which calls at work here were
cancelled at another gateway."""

LEFT = Failure("Cancelled", "the caller left before the answer was there", True)
"""How a call ends that nobody waits for any more."""

Noted = Callable[[Principal, Task, str], None]
"""Takes whose call it was, its task, and its outcome: `ok` or the error's name,
`accepted` where it is made later, `repeated` for an idempotency key's."""

_LOOK = 0.5
"""Seconds after which the journal is asked again for a task that is waited for."""
_SUCCEEDED: tuple[State, Failure | None] = ("succeeded", None)

_log = logging.getLogger(__name__)


class Pipeline:
    """Takes Calls; everything it says it accepted is in the journal."""

    def __init__(
        self,
        catalog: Catalog,
        platform: Platform,
        journal: Journal,
        grants: Grants,
        retry: Retry = Retry(),  # noqa: B008
        noted: Noted | None = None,
        limits: Limiter | None = None,
        gateway: str = "",
        tracer: Tracer = UNTRACED,
    ) -> None:
        """noted: is told of each call that was let in. limits: which it has to
        be within; none where there are none. gateway, tracer: see Deliverer."""
        self.catalog = catalog
        self.journal = journal
        self.live = Live()
        self.metrics = Metrics()
        self.noted: Noted = noted or (lambda principal, task, outcome: None)
        self.limits = limits or Limiter()
        self._deliverer = Deliverer(catalog, platform, grants, self._spent, gateway, tracer)
        self.delivery = Delivery(journal, self._attempt, self.live.ended, time.time, retry=retry)
        self._chores: list[asyncio.Task[None]] = []

    # --- somebody waits ------------------------------------------------------

    async def answer(self, call: Call) -> Outcome:
        """Makes a call and waits for its answer.

        With an idempotency key it is made once: a repeat gets the first
        call's outcome, and waits for it while it is at work. Where the first
        caller left before there was one, the repeat makes the call.
        """
        deployed = self.catalog.get(call.skill, call.tenant)
        now = time.time()
        admitted = admit(call, deployed, self.limits, now)
        try:
            asking.let_in()
            task = task_of(call, now, waited=True)
            if call.key:
                return await self._once(call, deployed, task)
            return await self._answer(call, deployed, task)
        finally:
            admitted.end(time.time())

    async def _once(self, call: Call, deployed: Deployed, task: Task) -> Outcome:
        limit = task.created + deployed.manifest.limits.timeout
        last = limit if call.deadline is None else min(limit, call.deadline)
        while True:
            known = await self._accept(call, task)
            if known.id == task.id:
                return await self._answer(call, deployed, task)
            known = await self.wait(call.tenant, known.id, max(0.0, last - time.time()))
            if known.failure != LEFT:
                self.noted(call.principal, known, "repeated")
                return _outcome(known)

    async def _accept(self, call: Call, task: Task) -> Task:
        """The task that stands for the call's key: this one, or an earlier."""
        try:
            [(known, _)] = await self.journal.accept([acceptance(call, task)])
        except asyncio.CancelledError:
            # It may be recorded all the same, and nobody will make it.
            gone = msgspec.structs.replace(task, state="cancelled", failure=LEFT)
            self.journal.withdraw(gone, idempotency_key(call))
            raise
        return known

    async def _answer(self, call: Call, deployed: Deployed, task: Task) -> Outcome:
        if not call.key:
            self.journal.note(task)
        made: Made | None = None
        ended = _SUCCEEDED
        try:
            with self.live.call(call.id):
                made = await self._deliverer.answer(call, deployed)
        except BaseException as error:
            ended = _ended(error)
            raise
        finally:
            await self._end(call, task, made, *ended)
        return Outcome(call.id, made.content_type, made.result, made.instance, made.timings())

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[Made]:
        """Makes a call and passes its answer on as it comes."""
        deployed = self.catalog.get(call.skill, call.tenant)
        if call.key:
            raise InvalidRequest("idempotency_key: a streamed answer is not kept; use Invoke")
        now = time.time()
        admitted = admit(call, deployed, self.limits, now)
        asking.let_in()
        task = task_of(call, now, waited=True)
        self.journal.note(task)
        made: Made | None = None
        ended = _SUCCEEDED
        try:
            with self.live.call(call.id):
                async with self._deliverer.send(call, deployed) as made:
                    yield made
        except BaseException as error:
            ended = _ended(error)
            raise
        finally:
            admitted.end(time.time())
            await self._end(call, task, made, *ended)

    async def _end(
        self, call: Call, task: Task, made: Made | None, state: State, failure: Failure | None
    ) -> None:
        """Counts a call that somebody waited for and writes down what came of it."""
        now = time.time()
        starting = made.delivered.timings if made else {}
        outcome = failure.name if failure else "ok"
        self.noted(call.principal, task, outcome)
        self.metrics.call(call.skill, outcome, now - task.created, starting)
        task = msgspec.structs.replace(task, state=state, updated=now, failure=failure)
        await self._settle(call, task, made)

    async def _settle(self, call: Call, task: Task, made: Made | None) -> None:
        try:
            if not call.key:
                self.journal.note(task)
            elif task.failure is None and made:
                kept = {"content_type": made.content_type, "result": made.result}
                task = msgspec.structs.replace(task, **kept)
                await self.journal.write(task)
            else:
                # What a repeat may mend must be allowed to run again.
                again = task.failure is None or task.failure.retryable
                await self.journal.write(task, forget=idempotency_key(call) if again else "")
        finally:
            self.live.ended(task)

    # --- nobody waits ----------------------------------------------------------

    async def submit(self, call: Call) -> Task:
        """Records a call to be made when there is room; once per idempotency key."""
        now = time.time()
        enqueue(call, self.catalog.get(call.skill, call.tenant), self.limits, now)
        [(task, _)] = await self.journal.accept(
            [acceptance(call, task_of(call, now, waited=False))]
        )
        self.noted(call.principal, task, "accepted")
        self.delivery.wake()
        return task

    async def _attempt(self, task: Task) -> Answer:
        assert task.event is not None
        try:
            deployed = self.catalog.get(task.skill, task.tenant)
        except NotFound as error:
            # What was accepted is kept until the skill is back, or until
            # somebody looks at the dead letter.
            raise Unavailable(error.message) from None
        call = Call(
            id=task.id,
            principal=Principal(task.tenant, task.user, frozenset(task.roles), "the journal"),
            skill=task.skill,
            user=task.user,
            session=task.session,
            event=task.event,
            priority=task.priority,
            deadline=task.deadline,
            parent=task.parent,
            trigger=task.trigger,
            depth=task.depth,
            traceparent=task.event.extensions.get("traceparent", ""),
            attempt=new_id(),
        )
        began = time.time()
        if task.deadline is not None and task.deadline <= began:
            raise DeadlineExceeded(f"the deadline of task {task.id} has passed")
        admitted = self._place(task, began)
        outcome = "Cancelled"
        made: Made | None = None
        try:
            with self.live.call(task.id, call.attempt):
                made = await self._deliverer.answer(call, deployed)
            outcome = "ok"
        except CatnapError as error:
            outcome = type(error).__name__
            raise
        except Exception:
            outcome = "SkillCrashed"
            raise
        finally:
            admitted.end(time.time())
            timings = made.delivered.timings if made else {}
            self.metrics.call(task.skill, outcome, time.time() - began, timings)
        return Answer(made.content_type, made.result)

    def _place(self, task: Task, now: float) -> Admitted:
        """Raises Postponed: what was accepted waits for room, and is not lost.

        Who submitted a task had it counted then; an event counts when it is
        delivered first.
        """
        who = (task.tenant, task.user, task.skill)
        counts = bool(task.trigger) and task.attempts == 1
        answer = self.limits.admit(who, now) if counts else self.limits.begin(who, now)
        if isinstance(answer, Refused):
            raise Postponed(answer.error(now), answer.gate.slot(answer.frees_at))
        return answer

    def _spent(self, call: Call, compute_ms: float) -> None:
        who = (call.tenant, call.user, call.skill)
        self.limits.spend(who, time.time(), compute_ms=compute_ms)

    # --- tasks -------------------------------------------------------------------

    async def wait(self, tenant: str, id: str, timeout: float) -> Task:  # noqa: A002
        """The task when it has ended, or as it is when `timeout` seconds are over."""
        ending = self.live.watch(id)
        last = asyncio.get_running_loop().time() + timeout
        try:
            while True:
                task = await self.journal.get(tenant, id)
                left = last - asyncio.get_running_loop().time()
                if task.ended or left <= 0:
                    return task
                # Of one that another gateway works at, only the journal tells.
                look = min(left, _LOOK) if self.journal.shared else left
                if (await asyncio.wait([ending], timeout=look))[0]:
                    return ending.result()
        finally:
            self.live.unwatch(id, ending)

    async def cancel(self, tenant: str, id: str) -> Task:  # noqa: A002
        """Stops a task that has not ended; gives it as it then is."""
        task = await self.journal.get(tenant, id)
        if task.ended:
            return task
        if task.waited and self.live.cancel(id):
            return await self.wait(tenant, id, 10.0)
        failure = Failure("Cancelled", f"task {id} was cancelled by request", False)
        ended = await self.journal.end(id, "cancelled", time.time(), failure=failure)
        # Whatever an attempt at work would write comes too late now.
        self.delivery.cancel(id)
        if ended is None:
            return await self.journal.get(tenant, id)
        self.live.ended(ended)
        return ended

    async def redrive(self, tenant: str, id: str) -> Task:  # noqa: A002
        """Sends a dead task again. Raises InvalidRequest if it is not dead."""
        task = await self.journal.redrive(tenant, id, time.time())
        self.delivery.wake()
        return task

    async def start(self) -> int:
        """Takes up what a stop left behind; gives how many tasks a crash
        had broken off."""
        again = await self.delivery.recover()
        self._chores.append(asyncio.create_task(self._forget()))
        if self.journal.shared:
            self._chores.append(asyncio.create_task(self._heed()))
        self.delivery.start()
        return again

    async def _forget(self) -> None:
        while True:
            try:
                await self.journal.forget(time.time())
            except CatnapError as error:
                _log.warning("%s", error.message)
            await asyncio.sleep(FORGET_EVERY)

    async def _heed(self) -> None:
        """Stops what was cancelled at another gateway."""
        while True:
            await asyncio.sleep(HEED_EVERY)
            try:
                for id in await self.journal.cancelled(self.live.ids()):  # noqa: A001
                    self.live.cancel(id)
            except CatnapError as error:
                _log.warning("%s", error.message)

    async def stop(self) -> None:
        """Breaks off what nobody waits for; the next start takes it up."""
        await self.delivery.stop()
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)


def _ended(error: BaseException) -> tuple[State, Failure | None]:
    """How a task stands whose call ended with this."""
    if isinstance(error, CatnapError):
        return "cancelled" if isinstance(error, Cancelled) else "failed", Failure.of(error)
    if isinstance(error, Exception):
        return "failed", Failure("SkillCrashed", "an internal error", True)
    return "cancelled", LEFT


def _outcome(task: Task) -> Outcome:
    if task.failure is not None and task.ended:
        raise task.failure.error()
    if not task.ended:
        raise DeadlineExceeded(f"task {task.id} is still at work: wait for it by its id")
    return Outcome(task.id, task.content_type, task.result or b"")
