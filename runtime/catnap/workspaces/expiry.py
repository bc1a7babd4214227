"""Workspaces that nobody uses any more, after some time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from catnap.errors import CatnapError
from catnap.workspaces.workspaces import Workspaces

INTERVAL = 600.0
"""Seconds between two looks."""

_log = logging.getLogger(__name__)


class Expiry:
    """Several gateways of one store may have one each. keep: seconds after its
    last use that a workspace stays, 0 for ever. now: seconds since the epoch."""

    def __init__(self, workspaces: Workspaces, keep: float, now: Callable[[], float]) -> None:
        self._workspaces = workspaces
        self._keep = keep
        self._now = now

    async def run(self) -> None:
        """Until it is cancelled."""
        while self._keep:
            try:
                await self._workspaces.expire(self._now() - self._keep)
            except CatnapError as error:
                _log.warning("workspaces that have expired stay: %s", error.message)
            await asyncio.sleep(INTERVAL)
