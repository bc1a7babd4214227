"""The folders of sessions, where the instance keeps them itself, as in a pod.

Before each call of a session the gateway is asked whether the folder is still
this instance's own, and for it where it is not: that takes the call's Grant.
What is kept afterwards takes the lease that came with the folder.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from catnap.errors import CatnapError, Conflict, Unavailable
from catnap.host.lease import Lease
from catnap.http import Client, Target
from catnap.skills import Context
from catnap.snapshots.claimed import HOLD, Claim, Claimed
from catnap.snapshots.removal import remove
from catnap.snapshots.visits import IDLE, Visit, Visits

RENEW = HOLD / 4
"""Seconds between two words to the gateway that others should wait on."""

AGAIN = 4
"""Of these words, after how many what could not be kept is tried again."""

LAST = 5
"""Times that what is left is kept again, where the instance is to end and the
gateway cannot be reached."""

_log = logging.getLogger(__name__)


class Session(NamedTuple):
    tenant: str
    user: str
    name: str

    def __str__(self) -> str:
        return f"the workspace of session {self.name!r}"


AtWork = Visit[Session, Lease]


class Workspaces:
    """Those of one instance. folder: for all of them; what an earlier process
    has left there goes. instance: its name, which no other has."""

    def __init__(
        self,
        folder: str,
        client: Client,
        callback: Target,
        instance: str,
        clock: Callable[[], float] = time.monotonic,
        idle: float = IDLE,
    ) -> None:
        self._folder = Path(folder)
        self._client = client
        self._callback = callback
        self._instance = instance
        self._visits: Visits[Session, Lease] = Visits(clock, idle)
        remove(self._folder)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._renewing = asyncio.create_task(self._renew())

    async def enter(self, context: Context) -> AtWork | None:
        """Before each call of a session: its folder is here, as its last call
        has left it. None for a child call, where another instance has it.
        Raises Unavailable where it cannot be had."""
        session = Session(context.tenant, context.user, context.session)
        async with self._visits.lock(session):
            visit = self._visits.get(session)
            if visit is not None:
                await visit.keep()
            claimed = await self._claim(context, visit)
            if visit is not None and (claimed is None or claimed.epoch != visit.head.epoch):
                self._visits.drop(visit)
                visit = None
            if claimed is None:
                return None
            if visit is None:
                visit = await self._open(session, claimed)
            visit.head.waited_for = True
            visit.calls += 1
            return visit

    def leave(self, visit: AtWork, *, whole: bool) -> None:
        self._visits.leave(visit, whole=whole)

    async def close(self) -> None:
        """The instance ends: keeps what is to be kept."""
        for visit in self._visits:
            # What a call was in the middle of is not what the session was left as.
            visit.dirty |= not (visit.calls or visit.broken)
            visit.calls = 0
            self._visits.start(self._last(visit))
        await self._visits.settle()
        self._renewing.cancel()
        await asyncio.to_thread(remove, self._folder)

    async def _claim(self, context: Context, visit: AtWork | None) -> Claimed | None:
        epoch = visit.head.epoch if visit is not None and not visit.lost else 0
        asked = msgspec.json.encode(Claim(self._instance, epoch))
        answer = await context.gateway.request("POST", "/callback/workspace", (), asked)
        told = await answer.read()
        return msgspec.json.decode(told, type=Claimed) if told else None

    async def _open(self, session: Session, claimed: Claimed) -> AtWork:
        lease = Lease(self._client, self._callback, claimed)
        # No epoch is given out twice.
        folder = self._folder / str(claimed.epoch)
        try:
            folder.mkdir(mode=0o700)
            index = await lease.restore(folder)
        except BaseException as error:
            await asyncio.to_thread(remove, folder)
            if isinstance(error, OSError | Conflict):
                raise Unavailable(f"{session} cannot be restored: {error}") from error
            raise
        return self._visits.begin(session, lease, index, folder)

    async def _renew(self) -> None:
        for words in itertools.count(1):
            await asyncio.sleep(RENEW)
            self._visits.expire()
            for visit in self._visits:
                if visit.head.waited_for:
                    self._visits.start(self._hold(visit))
                if visit.dirty and not visit.calls and words % AGAIN == 0:
                    self._visits.start(self._visits.keep(visit))

    async def _hold(self, visit: AtWork) -> None:
        try:
            await visit.head.hold()
        except Conflict:
            visit.lost = True
        except CatnapError as error:
            _log.warning("%s: %s", visit.key, error)

    async def _last(self, visit: AtWork) -> None:
        for _ in range(LAST):
            async with self._visits.lock(visit.key):
                if await visit.keep():
                    return
            await asyncio.sleep(1)
