"""One call at one instance: sent, answered, and what is thought of the instance
that did not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from types import TracebackType

from catnap.errors import DeadlineExceeded, Unavailable
from catnap.http import Client, ConnectionLost, Reply
from catnap.services.local.background import Background
from catnap.services.local.instance import Instance
from catnap.services.local.probing import answers
from catnap.services.place import Place
from catnap.services.platform import Delivery
from catnap.services.pool import Pool
from catnap.services.timeouts import Patience, paced

CHECK = 2.0
"""Seconds in which an instance that lost a call must show that it is well."""

_NOBODY = (ConnectionRefusedError, FileNotFoundError)
"""What the kernel says of a socket that nobody listens on."""

_BROKEN_OFF = (asyncio.CancelledError, ConnectionLost, DeadlineExceeded)
"""What a call ends with whose instance may still be at work on it, or be gone."""

_log = logging.getLogger(__name__)


class NotBegun(Exception):
    """An instance did nothing of what was sent, if it was: another may have it."""


class Exchange:
    """Sends calls to instances, and looks after one that a call has lost."""

    def __init__(self, client: Client, background: Background) -> None:
        self._client = client
        self._background = background

    def send(
        self,
        pool: Pool,
        place: Place,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timings: dict[str, float],
        patience: Patience,
    ) -> Sent:
        """Holds the place of one call from its sending to its end.

        Raises NotBegun, SkillCrashed where the instance ends meanwhile, and
        Unavailable for trouble of our own.
        """
        return Sent(self, self._client, pool, place, headers, body, timings, patience)

    def doubt(self, pool: Pool, place: Place) -> None:
        """A call was given up: an instance that no longer answers is ended.
        It keeps the call's place until that is known."""
        place.instance.doubts += 1
        self._background.start(self._check(pool, place))

    async def _check(self, pool: Pool, place: Place) -> None:
        instance = place.instance
        assert isinstance(instance, Instance)
        try:
            healthy = await answers(self._client, instance.target, "/healthz", CHECK)
            if not healthy and instance.alive:
                _log.warning("instance %s does not answer any more and is ended", instance.name)
                pool.end(instance)
        finally:
            instance.doubts -= 1
            pool.release(place)


class Sent:
    """The block in which an instance has a call. A class and no generator: every
    call passes through it, and a generator costs it five times as much."""

    __slots__ = (
        *("_body", "_client", "_exchange", "_headers", "_instance", "_patience", "_place"),
        *("_pool", "_reply", "_timings"),
    )

    _reply: Reply

    def __init__(
        self,
        exchange: Exchange,
        client: Client,
        pool: Pool,
        place: Place,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        timings: dict[str, float],
        patience: Patience,
    ) -> None:
        assert isinstance(place.instance, Instance)
        self._exchange, self._client = exchange, client
        self._pool, self._place, self._instance = pool, place, place.instance
        self._headers, self._body = headers, body
        self._timings, self._patience = timings, patience

    async def __aenter__(self) -> Delivery:
        instance, about = self._instance, self._pool.revision
        try:
            reply = await self._client.request(
                instance.target, "POST", "/", self._headers, self._body
            )
        except BaseException as error:
            await self._unanswered(error)
            raise
        self._reply = reply
        self._patience.answered()
        passed_on = paced(reply, about.name, about.timeouts)
        return Delivery(passed_on, instance.name, self._timings)

    async def _unanswered(self, error: BaseException) -> None:
        """Raises what it means, where that is another error."""
        suspect = True
        try:
            if isinstance(error, Unavailable):
                suspect = False
                # Else it is trouble of ours, such as no descriptor to be had.
                if isinstance(error.__cause__, _NOBODY):
                    # It has just ended, or takes no more connections.
                    self._pool.end(self._instance)
                    raise NotBegun from None
            elif isinstance(error, ConnectionLost):
                if await self._instance.untouched():
                    suspect = False
                    raise NotBegun from None
                raise await self._instance.crash() from None
        finally:
            self._end(suspect=suspect)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reply.close()
        # Past its deadline it may be stuck for ever.
        suspect = isinstance(error, _BROKEN_OFF) or self._reply.status == 504
        try:
            if isinstance(error, ConnectionLost):
                raise await self._instance.crash() from None
        finally:
            self._end(suspect=suspect)

    def _end(self, *, suspect: bool) -> None:
        if suspect:
            self._exchange.doubt(self._pool, self._place)
        else:
            self._pool.release(self._place)
