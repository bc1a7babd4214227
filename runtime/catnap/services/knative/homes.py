"""Which pods the sessions of a service are at home at."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial

from catnap.errors import CatnapError, Unavailable
from catnap.services.knative.agreed import Agreed, Heard
from catnap.services.knative.fleet import Fleet, Revision
from catnap.services.knative.mirror import Key
from catnap.services.knative.pods import Pod
from catnap.services.knative.visit import Visit
from catnap.sessions import Session, Table
from catnap.sessions.referee import Referee
from catnap.sessions.rows import LOOK, Home
from catnap.sessions.table import IDLE

_log = logging.getLogger(__name__)


class Homes:
    """Of every service. served: gives the revisions that have traffic, by
    namespace and service. clock: seconds. referee: where several gateways send
    calls to the same pods, it decides."""

    def __init__(
        self,
        fleet: Fleet,
        served: Callable[[str, str], Collection[str]],
        clock: Callable[[], float],
        referee: Referee | None = None,
    ) -> None:
        self._fleet = fleet
        self._served = served
        self._clock = clock
        self._referee = referee
        self._services: dict[Key, Sessions] = {}
        self._looking: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Looks every now and then, where there is a referee."""
        if self._referee is not None:
            self._looking = asyncio.create_task(self._keep_looking())

    async def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def of(self, namespace: str, service: str) -> Sessions:
        key = (namespace, service)
        if key not in self._services:
            served = partial(self._served, namespace, service)
            agreed = self._agreed(namespace, service)
            self._services[key] = Sessions(served, self._clock, agreed)
        return self._services[key]

    def lose(self, pod: Pod) -> None:
        """It takes no more calls."""
        for each in self._services.values():
            each.lose(pod)

    def _agreed(self, namespace: str, service: str) -> Agreed | None:
        if self._referee is None:
            return None
        return Agreed(namespace, service, self._fleet, self._referee)

    async def look(self) -> None:
        """Tells the referee which sessions have a call at work. Raises
        Unavailable."""
        if self._referee is not None:
            busy: dict[str, bool] = {}
            for each in self._services.values():
                busy.update(each.busy())
            await self._referee.look(busy)

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            try:
                await self.look()
            except CatnapError as error:
                _log.warning("sessions with long calls may become new ones: %s", error.message)


class Sessions:
    """Of one service. agreed: None where this gateway is the only one."""

    def __init__(
        self,
        served: Callable[[], Collection[str]],
        clock: Callable[[], float],
        agreed: Agreed | None,
    ) -> None:
        self._served = served
        self.table: Table[Pod] = Table()
        self.clock = clock
        self.agreed = agreed
        self.waking: dict[Session, asyncio.Future[None]] = {}
        """Done once the pod is known that a session's first call has woken."""
        self.guesses: dict[Session, Visit] = {}
        """First calls whose pod nobody has answered from, nor followed them to."""

    async def hear(self, session: str, revision: str) -> Heard | None:
        """What has been agreed on before a session's call; None where there is
        nobody to ask. While the store is away a session goes on where it is;
        raises Unavailable where it is nowhere. revision: that the call names."""
        if self.agreed is None:
            return None
        keys: list[Session] = [(session, revision), session] if revision else [session]
        try:
            heard = await self.agreed.hear(keys, self._served())
        except Unavailable:
            if any(self._settled(key) for key in keys):
                return None
            raise
        for key, home in heard.homes.items():
            if home is not None:
                self.take(key, home)
        return heard

    def take(self, key: Session, home: Home) -> None:
        """The gateways have agreed on it."""
        assert self.agreed is not None
        now, revision, pod = self.clock(), self.agreed.revision(home), self.agreed.pod(home)
        idle = revision.session_idle if revision else IDLE
        self.table.move(key, home.revision, pod, now, idle)

    def visit(self, session: str, revision: Revision, heard: Heard | None, *, named: bool) -> Visit:
        """A call of a session to a revision. named: by the caller."""
        if not session or not revision.affinity:
            return Visit(self, "", revision, None)
        now = self.clock()
        self.table.expire(now)
        if not named:
            self.table.assign(session, revision.name, now, revision.session_idle)
        return Visit(self, self.table.at(session, revision.name, now), revision, heard)

    def count(self, pod: Pod) -> int:
        """How many are at home there, as far as it is known here."""
        known = self.table.count(pod)
        return max(known, self.agreed.count(pod)) if self.agreed else known

    def busy(self) -> Mapping[str, bool]:
        """Those with a call at work, by id, and whether their revision has
        lost its traffic."""
        if self.agreed is None:
            return {}
        served = self._served()
        self.agreed.forget(served)
        busy = self.table.busy()
        return {self.agreed.id_of(each.session): each.revision not in served for each in busy}

    def lose(self, pod: Pod) -> None:
        """It takes no more calls."""
        self.table.lose(pod, self.clock())
        if self.agreed:
            self.agreed.lose(pod)

    def _settled(self, key: Session) -> bool:
        entry = self.table.home(key, self.clock())
        return entry is not None and entry.instance is not None and entry.instance.listed
