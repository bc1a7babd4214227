"""The keys of one issuer, as they are now: read again when they grow old, and
when a token names one that is not known."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Generic, TypeVar

from catnap.errors import CatnapError, Unauthenticated, Unavailable

Name = TypeVar("Name")
Key = TypeVar("Key")

REFRESH = 300.0
"""Seconds after which keys are read again: so long a key works that its issuer
took back."""

PAUSE = 10.0
"""Seconds at least between one reading and the next, whatever tokens say."""

PATIENCE = 20.0
"""Seconds for which one reading may go on, however slowly the issuer talks."""

KEEP = 3600.0
"""Seconds for which keys go on that cannot be read again."""

_log = logging.getLogger(__name__)


class Jwks(Generic[Name, Key]):
    """read: gives all keys by name. Raises Unavailable."""

    def __init__(
        self, issuer: str, read: Callable[[], Awaitable[Mapping[Name, Key]]], keep: float = KEEP
    ) -> None:
        self._issuer = issuer
        self._read = read
        self._keep = keep
        self._keys: Mapping[Name, Key] = {}
        self._as_of = float("-inf")
        self._tried = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._problem = "not read yet"

    async def find(self, name: Name, now: float) -> Key:
        """now: seconds since the epoch.

        A key that is known is given at once, also while the issuer does not
        answer, until it was read `keep` seconds ago. For one that is not known
        the keys are read again, at most every PAUSE seconds. Raises
        Unauthenticated for a key that there is not, and Unavailable where the
        keys cannot be read.
        """
        key = self._keys.get(name)
        age = now - self._as_of
        if key is not None and age < self._keep:
            if age >= REFRESH:
                self._again(now)
            return key
        reading = self._again(now)
        if reading is not None:
            await asyncio.shield(reading)
        if now - self._as_of >= self._keep:
            raise Unavailable(
                f"the keys of issuer {self._issuer} cannot be read: {self._problem}",
                retry_after=PAUSE,
            )
        key = self._keys.get(name)
        if key is None:
            raise Unauthenticated(f"issuer {self._issuer} has no such key as the token names")
        return key

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _again(self, now: float) -> asyncio.Task[None] | None:
        """The reading that is at work, which is begun where it may be."""
        # Also where the clock was set back: the last time is no time to wait for.
        if self._reading is None and not 0 <= now - self._tried < PAUSE:
            self._tried = now
            self._reading = asyncio.create_task(self._take(now))
        return self._reading

    async def _take(self, now: float) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                self._keys, self._as_of = await self._read(), now
        except (CatnapError, TimeoutError) as error:
            self._problem = str(error) or f"it took more than {PATIENCE:g} s"
            _log.warning("the keys of issuer %s cannot be read: %s", self._issuer, self._problem)
        finally:
            self._reading = None
