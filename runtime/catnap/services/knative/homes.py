"""Which pods the sessions of a service are at home at."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from catnap.services.knative.fleet import Revision
from catnap.services.knative.mirror import Key
from catnap.services.knative.pods import Pod, Pods
from catnap.sessions import DRAIN, Entry, Snapshot, Table, choose


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
        self.waking: dict[str, asyncio.Future[None]] = {}
        """Done once the pod is known that a session's first call has woken."""

    def home(self, session: str) -> Entry[Pod] | None:
        self.table.expire(self.clock())
        return self.table.home(session, self.clock()) if session else None

    def drain(self, pod: Pod) -> None:
        """Its revision gets no more of the traffic."""
        self.table.drain(pod, self.clock(), self.clock() + DRAIN)

    def snapshot(self) -> Snapshot[Pod]:
        return self.table.snapshot(self.clock())

    def visit(self, session: str, name: str, revision: Revision | None, *, named: bool) -> Visit:
        """A call of a session to a revision, which the cluster may not have.
        named: by the caller; where the session is at another, the call is of
        no session."""
        if revision is None or not revision.affinity:
            return Visit(self, "", name)
        self.table.idle = revision.session_idle
        self.table.per_instance = revision.session_max
        home = self.home(session)
        stays = home is None or home.revision == name or not named
        return Visit(self, session if stays else "", name)


class Visit:
    """One call, from its arrival to its end; session: empty where it is of none."""

    def __init__(self, sessions: Sessions, session: str, revision: str) -> None:
        self._sessions = sessions
        self._session = session
        self._revision = revision
        self._entry: Entry[Pod] | None = None
        if session:
            sessions.table.assign(session, revision, sessions.clock())

    @property
    def settled(self) -> bool:
        """Whether its session is at home at a pod of the revision."""
        return self._home() is not None

    def preferred(self, pods: Pods) -> Pod | None:
        """Where the session is at home; for a new one, where it should be."""
        if not self._session:
            return None
        home = self._home()
        if home is not None:
            return home
        counts = {pod.name: self._sessions.table.count(pod) for pod in pods}
        free = [pod.name for pod in pods.free]
        name = choose(self._session, counts, free, most=self._sessions.table.per_instance)
        return pods.named(name) if name else None

    def settle(self, pod: Pod) -> None:
        """The call is at that pod. The first one is the session's home, and
        stays it while it takes calls, wherever one may have to go meanwhile."""
        if self._session and self._home() in (None, pod):
            self.leave()
            sessions = self._sessions
            now = sessions.clock()
            self._entry = sessions.table.begin(self._session, self._revision, pod, now)
            self._told()

    def leave(self) -> None:
        """The call has ended."""
        if self._entry is not None:
            self._sessions.table.end(self._entry, self._sessions.clock())
            self._entry = None

    @contextmanager
    def waking(self) -> Iterator[None]:
        """Until the call has a pod, the session's other calls wait for that,
        instead of waking more."""
        waking = self._sessions.waking
        if not self._session or self._session in waking:
            yield
            return
        mine = waking[self._session] = asyncio.get_running_loop().create_future()
        try:
            yield
        finally:
            if waking.get(self._session) is mine:
                self._told()

    def awaited(self) -> asyncio.Future[None] | None:
        """Done once another call of the session has a pod, or has failed."""
        return self._sessions.waking.get(self._session)

    def _home(self) -> Pod | None:
        entry = self._sessions.home(self._session)
        pod = entry.instance if entry is not None and entry.revision == self._revision else None
        return pod if pod is not None and pod.listed else None

    def _told(self) -> None:
        known = self._sessions.waking.pop(self._session, None)
        if known is not None:
            known.set_result(None)
