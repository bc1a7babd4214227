"""Whether the call of a Grant is at work: here, or at the gateway that made it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from catnap.access import Grant
from catnap.errors import CatnapError
from catnap.http import Client, Target

PATH = "/callback/grant"
"""Answers 204 to a Grant whose call is at work at the gateway that is asked."""

PATIENCE = 2.0
"""Seconds that another gateway has to answer."""


class AtWork:
    """holds: whether the call of a Grant is at work here.

    Of another gateway nothing is remembered: it is asked each time, and one
    that does not answer has no calls.
    """

    def __init__(self, holds: Callable[[Grant], bool]) -> None:
        self.own = ""
        """How our Grants name us: where others reach our callbacks, host:port.
        Empty where there are no others, and no Grant names anybody."""
        self._holds = holds
        self._client = Client()

    def is_ours(self, grant: Grant) -> bool:
        return grant.gateway in ("", self.own)

    def here(self, grant: Grant) -> bool:
        return self.is_ours(grant) and self._holds(grant)

    async def anywhere(self, grant: Grant, token: str) -> bool:
        """token: the Grant as it was shown."""
        if self.is_ours(grant):
            return self._holds(grant)
        shown = (b"authorization", b"Bearer " + token.encode())
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await self._client.request(
                    Target.parse(grant.gateway), "GET", PATH, [shown]
                )
                await reply.read()
        except (CatnapError, TimeoutError):
            return False
        return reply.status == 204

    async def close(self) -> None:
        await self._client.close()
