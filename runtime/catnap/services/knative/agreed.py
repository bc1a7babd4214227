"""Where a service's sessions are at home, as the gateways of one store agree.

The store's referee decides. Before a session's call is sent it is asked where
the session is at home; and told where it is to be, where it is nowhere, or at a
pod that is gone as this gateway sees it. A gateway may see a pod, or the traffic,
a moment later than another one: for LATE it believes what that one has done.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from catnap.services.knative.fleet import Fleet, Revision
from catnap.services.knative.pods import Pod
from catnap.sessions import Session
from catnap.sessions.referee import Referee
from catnap.sessions.rows import Home, id_of

LATE = 2.0
"""Seconds by which one gateway may know of a pod, or of the traffic, before another."""

_PAUSE = 0.05
"""Seconds between two looks for a pod that another gateway knows already."""

_LOST = 1000


@dataclass(frozen=True, slots=True)
class Heard:
    """What the referee has said before a call. homes: None for a session that
    has none. revision: where another gateway has put the session just now,
    whatever the traffic is as this one sees it; empty where nobody has."""

    homes: Mapping[Session, Home | None]
    revision: str = ""


class Agreed:
    """Of one service."""

    def __init__(self, namespace: str, service: str, fleet: Fleet, referee: Referee) -> None:
        self.name = f"{namespace}/{service}"
        self._namespace = namespace
        self._fleet = fleet
        self._referee = referee
        self._lost: OrderedDict[str, None] = OrderedDict()
        """Pods that are known to be gone: nobody waits until they are seen."""

    async def hear(self, keys: Sequence[Session]) -> Heard:
        """Raises Unavailable where the store does not say."""
        asked = (self._referee.find(id_of(self.name, key)) for key in keys)
        homes = dict(zip(keys, await asyncio.gather(*asked), strict=True))
        for home in homes.values():
            await self._see(home)
        [first, *_] = homes.values()
        known = first and self._is_news(first) and self.revision(first) is not None
        return Heard(homes, first.revision if first and known else "")

    async def claim(
        self,
        key: Session,
        seen: Home | None,
        revision: Revision,
        pod: Pod,
        busy: Collection[Session],
    ) -> Home:
        """Makes the pod a session's home, unless that has changed since it was
        seen; gives what it is. Raises Unavailable."""
        return await self._referee.claim(
            id_of(self.name, key),
            seen,
            self.name,
            revision.name,
            pod.name,
            idle=revision.session_idle,
            most=revision.session_max,
            busy=self.ids(busy) if revision.session_max else (),
        )

    def count(self, pod: Pod) -> int:
        """How many sessions were at home there a moment ago."""
        return self._referee.count(self.name, pod.name)

    def ids(self, keys: Collection[Session]) -> list[str]:
        return [id_of(self.name, key) for key in keys]

    def revision(self, home: Home) -> Revision | None:
        return self._fleet.get(self._namespace, home.revision)

    def pod(self, home: Home) -> Pod | None:
        """Where it takes calls."""
        revision = self.revision(home)
        return revision.pods.named(home.instance) if revision else None

    def lose(self, pod: Pod) -> None:
        """It takes no more calls."""
        self._lost[pod.name] = None
        if len(self._lost) > _LOST:
            self._lost.popitem(last=False)

    async def _see(self, home: Home | None) -> None:
        """Returns when its pod is known here too, or may be taken for gone."""
        for _ in range(round(LATE / _PAUSE)):
            if home is None or self.pod(home) or home.instance in self._lost:
                return
            if not home.instance or not self._is_news(home):
                return
            await asyncio.sleep(_PAUSE)

    def _is_news(self, home: Home) -> bool:
        """Whether another gateway has changed it just now."""
        theirs = home.gateway != self._referee.gateway
        return theirs and abs(self._referee.clock() - home.since) < LATE
