"""A call's way to a place at a pod.

A pod that is known to have room is sent the call itself. Where there is none,
at zero or in a burst, the activator holds the call, has a pod started, and
passes it on. The activator knows nothing of the calls that went straight: one
that it passes on may wait in a queue-proxy behind them, as with any ingress
that Knative has no say in.

A call that another one waits for, a nested one, must not wait for a place that
this one holds. A tree of calls is one gateway's, which knows its places: nested
calls go straight where one is free, else they wait for that, and for a pod more,
up to PATIENCE. What other gateways send is not known: there a nested call is
withdrawn from a queue, see `straight`. Where the pods are full all the time it
is left to the activator, and waits until its deadline at the latest.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from catnap.services.knative.exchange import Exchange, NotSent, Sent
from catnap.services.knative.fleet import Fleet
from catnap.services.knative.pods import Pod, Pods
from catnap.services.knative.visit import Visit
from catnap.services.platform import Delivery

SENDS = 3
"""Times that a call is given to the activator whose pod has just ended, or that
a nested one is queued at a pod."""

PAUSE = 0.2
"""Seconds between those to the activator: as often it looks which pods there are."""

PATIENCE = 15.0
"""Seconds that a nested call waits for a pod to have room: as long as the
autoscaler takes to see that all are full, and another to start."""


@dataclass(frozen=True, slots=True)
class Sender:
    """chance: a number, 0 <= n < 1. pause: as PAUSE. patience: as PATIENCE.
    shared: whether other gateways send calls to the same pods."""

    exchange: Exchange
    fleet: Fleet
    chance: Callable[[], float]
    pause: float
    patience: float
    shared: bool

    async def place(self, pods: Pods, visit: Visit, nested: bool) -> Pod | None:
        """Where the call may go straight; None where the activator must help.
        A session's calls rather wait for its pod; but not a nested one, whose
        own caller may be what it waits for."""
        home = visit.preferred()
        queue = visit.settled and not nested
        pod = pods.take(home, self.chance, alone=nested, queue=queue)
        if pod is None and nested:
            return await self._when_there_is_room(pods)
        while pod is None and (awaited := visit.awaited()) is not None:
            await self._either(awaited, pods)
            pod = pods.take(visit.preferred(), self.chance, queue=visit.settled)
        return pod

    async def _either(self, awaited: asyncio.Future[None], pods: Pods) -> None:
        """Returns when the session's first call has its pod, or when there may
        be room at one: that is the one that was woken."""
        room = asyncio.ensure_future(pods.change())
        try:
            await asyncio.wait({awaited, room}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            room.cancel()

    async def _when_there_is_room(self, pods: Pods) -> Pod | None:
        """A place for a call whose own caller may hold one. The activator,
        which knows nothing of that, might have it wait behind its caller, for
        ever; and pods that are full are reason enough for one more."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self.patience):
                while len(pods):
                    pod = pods.take(None, self.chance, alone=True)
                    if pod:
                        return pod
                    await pods.change()
        return None

    @asynccontextmanager
    async def straight(
        self, call: Sent, pod: Pod, pods: Pods, nested: bool
    ) -> AsyncIterator[Delivery]:
        """Sends a call to a pod at which it has a place, and gives that back.
        Raises NotSent.

        Only this gateway's places are known here. Where there are others, a
        nested call may have to wait behind theirs, and these for what its own
        callers hold, so that each waits for the other, in two pods' queues. It
        does not for ever: it tries another pod, and ends with ResourceExhausted.
        """
        uncertain = nested and self.shared and pods.bounded
        patience = self.patience / SENDS if uncertain else None
        try:
            for left in reversed(range(SENDS)):
                try:
                    async with self.exchange.with_pod(call, pod, patience) as delivery:
                        yield delivery
                    return
                except NotSent as error:
                    if error.lost:
                        self.fleet.lose(call.revision[0], pod)
                    if not error.queued:
                        raise
                    if not left:
                        raise error.reason from None
                # The place here is still held, so that it is one elsewhere.
                other = pods.take(None, self.chance, alone=True)
                if other:
                    pods.release(pod)
                    pod = other
        finally:
            pods.release(pod)

    @asynccontextmanager
    async def relayed(self, call: Sent, pods: Pods) -> AsyncIterator[Delivery]:
        """Gives a call to the activator, which finds it a place."""
        pods.relay(1)
        try:
            for left in reversed(range(SENDS)):
                try:
                    asleep = not len(pods)
                    async with self.exchange.with_activator(call, asleep=asleep) as delivery:
                        yield delivery
                    return
                except NotSent as error:
                    if not left:
                        raise error.reason from None
                await asyncio.sleep(self.pause)
        finally:
            pods.relay(-1)
