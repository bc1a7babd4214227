"""A session's workspace at the gateway, as the lease of its host opens it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec

from catnap.errors import SkillCrashed, Unavailable, from_problem
from catnap.http import Client, ConnectionLost, Target
from catnap.snapshots import storing
from catnap.snapshots.bounds import Bounds
from catnap.snapshots.capture import Index
from catnap.snapshots.claimed import Claimed, Kept
from catnap.snapshots.manifest import EMPTY
from catnap.snapshots.packing import Sealed

PATIENCE = 30.0
"""Seconds that the gateway has to answer."""


class Lease:
    """snapshots.visits.Head, and the snapshots.storing.Objects of its workspace."""

    def __init__(self, client: Client, callback: Target, claimed: Claimed) -> None:
        self._client = client
        self._callback = callback
        self._claimed = claimed
        self._authorization = [(b"authorization", b"Bearer " + claimed.lease.encode())]
        self._bounds = Bounds(size=claimed.most)
        self._head = claimed.head
        self._word = asyncio.Lock()
        """So that the last word is the last that arrives."""
        self.waited_for = True
        """Whether others wait for us: a call is at work, or something to keep."""

    @property
    def epoch(self) -> int:
        return self._claimed.epoch

    async def restore(self, folder: Path) -> Index:
        """Makes the folder, which is new and empty, what the head says. Raises
        Unavailable, Conflict, and OSError for the disk."""
        whole = EMPTY
        name = self._claimed.manifest
        if name:
            whole = await storing.unpacked(name, await self.get(name))
        return await storing.restore(self, whole, folder, self._bounds)

    async def snapshot(self, folder: Path, before: Index, *, at_rest: bool) -> Index:
        index, packed = await storing.capture(self, self.epoch, folder, before, self._bounds)
        if packed is None:
            if at_rest:
                await self.rest()
            return index
        async with self._word:
            path = f"head?after={self._head}&rest={at_rest:d}"
            told = await self._ask("POST", path, packed.content)
            self._head = msgspec.json.decode(told, type=Kept).head
            self.waited_for = not at_rest
        return index

    async def sweep(self) -> None:
        await self._ask("POST", "sweep")

    async def hold(self) -> None:
        """Others wait on."""
        async with self._word:
            if self.waited_for:
                await self._ask("POST", "hold")

    async def rest(self) -> None:
        async with self._word:
            if self.waited_for:
                await self._ask("POST", "hold?rest=1")
                self.waited_for = False

    async def get(self, name: str) -> bytes:
        return await self._ask("GET", f"objects/{name}")

    async def put(self, pack: Sealed) -> None:
        await self._ask("PUT", f"objects/{pack.name}", pack.content)

    async def _ask(self, method: str, path: str, body: bytes = b"") -> bytes:
        """All that is asked may be asked again. Raises what the gateway says."""
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await self._client.request(
                    *(self._callback, method, f"/callback/workspace/{path}"),
                    *(self._authorization, body),
                )
                answer = await reply.read()
        except ConnectionLost as error:
            raise Unavailable(f"the gateway went away: {error.message}") from None
        except TimeoutError:
            raise Unavailable(f"the gateway did not answer within {PATIENCE:.0f} s") from None
        if reply.status < 400:
            return answer
        said = from_problem(reply.status, answer)
        raise Unavailable(said.message) if isinstance(said, SkillCrashed) else said
