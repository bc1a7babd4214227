"""Which pods the sessions of a service are at home at."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from catnap.services.knative.fleet import Revision
from catnap.services.knative.mirror import Key
from catnap.services.knative.pods import Pod
from catnap.sessions import Entry, Session, Table, choose


class Homes:
    """Of every service. clock: seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._services: dict[Key, Sessions] = {}

    def of(self, namespace: str, service: str) -> Sessions:
        key = (namespace, service)
        if key not in self._services:
            self._services[key] = Sessions(self._clock)
        return self._services[key]

    def lose(self, pod: Pod) -> None:
        """It takes no more calls."""
        for each in self._services.values():
            each.table.lose(pod, self._clock())


class Sessions:
    """Of one service."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.table: Table[Pod] = Table()
        self.clock = clock
        self.waking: dict[Session, asyncio.Future[None]] = {}
        """Done once the pod is known that a session's first call has woken."""
        self.guesses: dict[Session, Visit] = {}
        """First calls whose pod nobody has answered from, nor followed them to."""

    def visit(self, session: str, revision: Revision | None, *, named: bool) -> Visit:
        """A call of a session to a revision, None for one that the cluster
        does not have. named: by the caller."""
        if not session or revision is None or not revision.affinity:
            return Visit(self, "", revision or Revision(""))
        now = self.clock()
        self.table.expire(now)
        if not named:
            self.table.assign(session, revision.name, now, revision.session_idle)
        return Visit(self, self.table.at(session, revision.name, now), revision)


class Visit:
    """One call, from its arrival to its end; session: empty where it is of none."""

    def __init__(self, sessions: Sessions, session: Session, revision: Revision) -> None:
        self._sessions = sessions
        self._session = session
        self._revision = revision
        self._entry: Entry[Pod] | None = None

    @property
    def settled(self) -> bool:
        """Whether its session is at home at a pod of the revision."""
        return self._home() is not None

    def preferred(self) -> Pod | None:
        """Where the session is at home; for a new one, where it should be."""
        if not self._session:
            return None
        home = self._home()
        if home is not None:
            return home
        pods = self._revision.pods
        counts = {pod.name: self._sessions.table.count(pod) for pod in pods}
        free = [pod.name for pod in pods.free]
        name = choose(self._session, counts, free, most=self._revision.session_max)
        return pods.named(name) if name else None

    def settle(self, pod: Pod) -> None:
        """The call is at that pod. The first one is the session's home, and
        stays it while it takes calls, wherever one may have to go meanwhile."""
        if not self._session or self._moved():
            return
        guessed = self._sessions.guesses.pop(self._session, None) is self
        if guessed or self._home() in (None, pod):
            self.leave()
            self._entry = self._sessions.table.begin(
                self._session,
                self._revision.name,
                pod,
                self._sessions.clock(),
                self._revision.session_idle,
                self._revision.session_max,
            )
            self._told()

    def leave(self) -> None:
        """The call has ended."""
        if self._sessions.guesses.get(self._session) is self:
            del self._sessions.guesses[self._session]
        if self._entry is not None:
            self._sessions.table.end(self._entry, self._sessions.clock())
            self._entry = None

    @asynccontextmanager
    async def waking(self) -> AsyncIterator[None]:
        """Until the call has a pod, the session's other calls wait for that,
        instead of waking more. Of a revision that sleeps it is the first pod
        that there is, long before that has answered."""
        waking = self._sessions.waking
        if not self._session or self._session in waking:
            yield
            return
        mine = waking[self._session] = asyncio.get_running_loop().create_future()
        first = asyncio.create_task(self._first())
        try:
            yield
        finally:
            first.cancel()
            if waking.get(self._session) is mine:
                self._told()

    def awaited(self) -> asyncio.Future[None] | None:
        """Done once another call of the session has a pod, or has failed."""
        return self._sessions.waking.get(self._session)

    async def _first(self) -> None:
        pods = self._revision.pods
        if len(pods):
            return
        while not len(pods):
            await pods.change()
        if len(pods) == 1 and self._home() is None:
            self.settle(next(iter(pods)))
            self._sessions.guesses[self._session] = self

    def _home(self) -> Pod | None:
        if not self._session or self._moved():
            return None
        entry = self._sessions.table.home(self._session, self._sessions.clock())
        pod = entry.instance if entry is not None else None
        return pod if pod is not None and pod.listed else None

    def _moved(self) -> bool:
        """Whether the session has gone to another revision meanwhile."""
        entry = self._sessions.table.home(self._session, self._sessions.clock())
        return entry is not None and entry.revision != self._revision.name

    def _told(self) -> None:
        known = self._sessions.waking.pop(self._session, None)
        if known is not None:
            known.set_result(None)
