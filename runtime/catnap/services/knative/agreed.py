"""Where a service's sessions are at home, as the gateways of one store agree.

The store's referee decides. Before a session's call is sent it is asked where
the session is at home; and told where it is to be, where it is nowhere, or at a
pod that is gone as this gateway sees it. A gateway may see a pod, or the traffic,
a moment later than another one: for LATE it believes what that one has done.
Where nothing runs, each may have a pod woken for a session's first calls: the
next ones go where the first has settled, and of its folder the older epoch is over.

A session with a call at work stays at its revision when that loses its traffic,
whichever gateway has the call: each notes, while that is so, which sessions have
one, and takes none away before the others have had HOLD to do so.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from catnap.services.knative.fleet import Fleet, Revision
from catnap.services.knative.pods import Pod
from catnap.sessions import DRAIN, Session
from catnap.sessions.referee import Referee
from catnap.sessions.rows import HOLD, Home, id_of

LATE = 2.0
"""Seconds by which one gateway may know of a pod, or of the traffic, before another."""

_PAUSE = 0.05
"""Seconds between two looks for a pod that another gateway knows already."""

_LOST = 1000


@dataclass(frozen=True, slots=True)
class Heard:
    """What the referee has said before a call. homes: None for a session that
    has none. revision: where the session is to be, whatever the traffic is as
    this gateway sees it; empty where it goes by that."""

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
        self._unserved: dict[str, float] = {}
        """Since when it is known of revisions that they have no traffic."""

    async def hear(self, keys: Sequence[Session], served: Collection[str]) -> Heard:
        """served: the revisions that have traffic. Raises Unavailable where the
        store does not say."""
        asked = (self._referee.find(self.id_of(key)) for key in keys)
        homes = dict(zip(keys, await asyncio.gather(*asked), strict=True))
        for home in homes.values():
            await self._see(home)
        [home, *_] = homes.values()
        stays = home and (self._is_news(home) or self._is_held(home, served))
        return Heard(homes, home.revision if home and stays and self.pod(home) else "")

    def forget(self, served: Collection[str]) -> None:
        """served: the revisions that have traffic, now or again."""
        for revision in self._unserved.keys() & served:
            del self._unserved[revision]

    async def claim(
        self,
        key: Session,
        seen: Home | None,
        revision: Revision,
        pod: Pod,
        busy: Collection[str],
    ) -> Home:
        """Makes the pod a session's home, unless that has changed since it was
        seen; gives what it is. busy: ids of sessions that keep theirs. Raises
        Unavailable."""
        return await self._referee.claim(
            self.id_of(key),
            seen,
            self.name,
            revision.name,
            pod.name,
            idle=revision.session_idle,
            most=revision.session_max,
            busy=busy,
        )

    def count(self, pod: Pod) -> int:
        """How many sessions were at home there when they were counted."""
        return self._referee.count(self.name, pod.name)

    def id_of(self, key: Session) -> str:
        return id_of(self.name, key)

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

    def _is_held(self, home: Home, served: Collection[str]) -> bool:
        """Whether its revision has lost its traffic, and other gateways have
        calls at work there, or have not had the time to say so."""
        self.forget(served)
        if home.revision in served:
            return False
        now = self._referee.clock()
        since = self._unserved.setdefault(home.revision, now)
        unsaid = home.common and now < since + HOLD
        return now < since + DRAIN and (unsaid or now < home.busy)

    def _is_news(self, home: Home) -> bool:
        """Whether another gateway has changed it just now."""
        theirs = home.gateway != self._referee.gateway
        return theirs and abs(self._referee.clock() - home.since) < LATE
