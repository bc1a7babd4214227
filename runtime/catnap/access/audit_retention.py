"""How long the audit is kept: for ever, unless somebody has said otherwise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from catnap.access.audit import Audit
from catnap.access.audit_record import moment
from catnap.errors import CatnapError

INTERVAL = 3600.0
"""Seconds between two looks at what is old."""

_log = logging.getLogger(__name__)


class Retention:
    """keep: seconds that a record stays. clock: seconds since the epoch."""

    def __init__(self, audit: Audit, keep: float, clock: Callable[[], float]) -> None:
        self._audit = audit
        self._keep = keep
        self._clock = clock

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.cut()
            await asyncio.sleep(INTERVAL)

    async def cut(self) -> int:
        """Cuts what is too old by now off every chain: how many records. A chain
        that is not whole stays as it is, and the log says so."""
        now, removed = self._clock(), 0
        try:
            chains = await self._audit.chains()
        except CatnapError as error:
            _log.warning("the audit could not be looked through: %s", error.message)
            return 0
        for tenant in chains:
            try:
                removed += await self._audit.cut(tenant, moment(now - self._keep), moment(now))
            except CatnapError as error:
                _log.error("%s", error.message)
        return removed
