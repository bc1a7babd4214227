"""One call of a session: which pod it should go to, and where the session is
at home once it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from catnap.services.knative.agreed import Heard
from catnap.services.knative.fleet import Revision
from catnap.services.knative.pods import Pod
from catnap.sessions import Entry, Session, choose

if TYPE_CHECKING:
    from catnap.services.knative.homes import Sessions


class Visit:
    """One call, from its arrival to its end; session: empty where it is of none."""

    def __init__(
        self, sessions: Sessions, session: Session, revision: Revision, heard: Heard | None
    ) -> None:
        """heard: None where nobody is asked where the session is."""
        self.revision = revision
        self._sessions = sessions
        self._session = session
        self._heard = heard
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
        pods = self.revision.pods
        counts = {pod.name: self._sessions.count(pod) for pod in pods}
        free = [pod.name for pod in pods.free]
        name = choose(self._session, counts, free, most=self.revision.session_max)
        return pods.named(name) if name else None

    async def agree(self, pod: Pod) -> bool:
        """Whether the call may go to that pod, or has: False where the session
        is at home at another one by now, and this call would have settled it.

        Raises Unavailable where that is not known.
        """
        agreed, key = self._sessions.agreed, self._session
        if agreed is None or self._heard is None or not self._would_settle(pod):
            return True
        seen = self._heard.homes.get(key)
        if (self.revision.name, pod.name) == (seen and (seen.revision, seen.instance)):
            return True
        with self._first():
            busy = self._sessions.busy() if self.revision.session_max else ()
            home = await agreed.claim(key, seen, self.revision, pod, busy)
        if (self.revision.name, pod.name) == (home.revision, home.instance):
            return True
        self._sessions.take(key, home)
        return False

    def settle(self, pod: Pod) -> None:
        """The call is at that pod. The first one is the session's home, and
        stays it while it takes calls, wherever one may have to go meanwhile."""
        settles = self._would_settle(pod)
        if not self._moved():
            self._sessions.guesses.pop(self._session, None)
        if settles:
            self.leave()
            self._entry = self._sessions.table.begin(
                self._session,
                self.revision.name,
                pod,
                self._sessions.clock(),
                self.revision.session_idle,
                self.revision.session_max,
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
        with self._first() as first:
            guessing = asyncio.create_task(self._guess()) if first else None
            try:
                yield
            finally:
                if guessing:
                    guessing.cancel()

    def awaited(self) -> asyncio.Future[None] | None:
        """Done once another call of the session has a pod, or has failed."""
        return self._sessions.waking.get(self._session)

    @contextmanager
    def _first(self) -> Iterator[bool]:
        """The session's other calls wait until it is settled; whether they do
        so for this one."""
        waking = self._sessions.waking
        if not self._session or self._session in waking:
            yield False
            return
        mine = waking[self._session] = asyncio.get_running_loop().create_future()
        try:
            yield True
        finally:
            if waking.get(self._session) is mine:
                self._told()

    async def _guess(self) -> None:
        pods = self.revision.pods
        if len(pods):
            return
        while not len(pods):
            await pods.change()
        if len(pods) == 1 and self._home() is None:
            self.settle(next(iter(pods)))
            self._sessions.guesses[self._session] = self

    def _would_settle(self, pod: Pod) -> bool:
        """Whether the session is at home at that pod once the call is there."""
        if not self._session or self._moved():
            return False
        guessed = self._sessions.guesses.get(self._session) is self
        return guessed or self._home() in (None, pod)

    def _home(self) -> Pod | None:
        if not self._session or self._moved():
            return None
        entry = self._sessions.table.home(self._session, self._sessions.clock())
        pod = entry.instance if entry is not None else None
        return pod if pod is not None and pod.listed else None

    def _moved(self) -> bool:
        """Whether the session has gone to another revision meanwhile."""
        entry = self._sessions.table.home(self._session, self._sessions.clock())
        return entry is not None and entry.revision != self.revision.name

    def _told(self) -> None:
        known = self._sessions.waking.pop(self._session, None)
        if known is not None:
            known.set_result(None)
