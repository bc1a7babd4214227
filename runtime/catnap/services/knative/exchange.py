"""One call and its answer: to a pod's queue-proxy, or to the activator."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from catnap.errors import CatnapError, ResourceExhausted, SkillCrashed, Unavailable
from catnap.http import Client, NotAsked, Target
from catnap.http.client import ConnectionLost, Reply
from catnap.services.knative import outcome
from catnap.services.knative.faults import Faults
from catnap.services.knative.mirror import Key
from catnap.services.knative.pods import Pod
from catnap.services.platform import Delivery
from catnap.services.timings import passed

CONNECT = 1.0
"""Seconds after which a pod counts as gone."""

_IDLE = 1024
"""Connections to the activator that are kept: after a burst, the next."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A call, ready to be sent. revision: with its namespace. arrived: in
    seconds since the epoch."""

    service: str
    revision: Key
    fields: Sequence[tuple[bytes, bytes]]
    body: bytes
    arrived: float


class NotSent(Exception):
    """The skill has certainly not seen the call. lost: nobody could be
    connected to. queued: it has waited there for a place, in vain."""

    def __init__(self, reason: CatnapError, *, lost: bool = False, queued: bool = False) -> None:
        super().__init__(reason.message)
        self.reason = reason
        self.lost = lost
        self.queued = queued


class Exchange:
    def __init__(self, activator: Target, faults: Faults) -> None:
        self._activator = activator
        self._faults = faults
        self._pods = Client(connect_timeout=CONNECT)
        self._relay = Client(keep=_IDLE)

    @asynccontextmanager
    async def with_pod(
        self, call: Sent, pod: Pod, patience: float | None = None
    ) -> AsyncIterator[Delivery]:
        """Raises NotSent, and what Knative or a crash says in the skill's place.

        patience: seconds that the call may wait in the pod's queue-proxy, which
        asks for its body when there is a place; None for any number.
        """
        sending = _send(self._pods, pod.target, call, call.fields, patience)
        async with self._answered(call, sending, pod.name) as delivery:
            yield delivery

    @asynccontextmanager
    async def with_activator(self, call: Sent, *, asleep: bool) -> AsyncIterator[Delivery]:
        """As with_pod. asleep: no pod is ready; where none can start either,
        the reason is raised."""
        namespace, revision = call.revision
        fields = [
            *call.fields,
            (b"knative-serving-namespace", namespace.encode()),
            (b"knative-serving-revision", revision.encode()),
        ]
        sending = _send(self._relay, self._activator, call, fields)
        if asleep:
            sending = self._or_fault(call.revision, sending)
        async with self._answered(call, sending) as delivery:
            yield delivery

    async def _or_fault(self, revision: Key, sending: Coroutine[Any, Any, Reply]) -> Reply:
        reply = asyncio.create_task(sending)
        try:
            async with self._faults.starting(revision) as fault:
                await asyncio.wait({reply, fault}, return_when=asyncio.FIRST_COMPLETED)
                if not reply.done():
                    raise fault.result()
                return reply.result()
        except asyncio.CancelledError:
            # At the moment that it came: nobody will read it.
            if reply.done() and not reply.cancelled() and not reply.exception():
                reply.result().close()
            raise
        finally:
            reply.cancel()

    @asynccontextmanager
    async def _answered(
        self, call: Sent, sending: Awaitable[Reply], pod: str = ""
    ) -> AsyncIterator[Delivery]:
        reply: Reply | None = None
        try:
            reply = await sending
            if outcome.is_knatives(reply.status, reply.headers):
                raise await self._refusal(call, pod, reply)
            took = (time.time() - call.arrived) * 1000
            instance = pod or reply.headers.get(outcome.INSTANCE, b"").decode("latin-1")
            yield Delivery(reply, instance, passed(reply.headers, call.arrived, took))
        except ConnectionLost:
            raise await self._crash(call, pod, "the connection was closed") from None
        finally:
            if reply:
                reply.close()

    async def _refusal(self, call: Sent, pod: str, reply: Reply) -> Exception:
        """Knative has answered in the skill's place."""
        text = (await reply.read()).decode("utf-8", "replace").strip()
        error = outcome.error(reply.status, text, call.service)
        if outcome.unsent(reply.status, text):
            return NotSent(error)
        return await self._crash(call, pod, text) if isinstance(error, SkillCrashed) else error

    async def _crash(self, call: Sent, pod: str, said: str) -> SkillCrashed:
        """With how the process ended, where the cluster knows that by now."""
        why = await self._faults.ended(call.revision, pod, call.arrived) or said
        who = pod or f"an instance of {call.service!r}"
        return SkillCrashed(f"{who} ended while it handled the call: {why}")

    def forget(self, target: Target) -> None:
        """There is no pod any more."""
        self._pods.forget(target)

    async def close(self) -> None:
        await self._pods.close()
        await self._relay.close()


async def _send(
    client: Client,
    target: Target,
    call: Sent,
    fields: Sequence[tuple[bytes, bytes]],
    patience: float | None = None,
) -> Reply:
    try:
        return await client.request(target, "POST", "/", fields, call.body, asked=patience)
    except NotAsked:
        said = f"no instance of {call.service!r} has had room for a call that another waits for"
        raise NotSent(ResourceExhausted(said), queued=True) from None
    except Unavailable as error:
        raise NotSent(error, lost=True) from None
